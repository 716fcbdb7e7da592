#include "server/profile/known_module_offsets.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::profile {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kNet[] = "golang.org/x/net";
constexpr char kGrpc[] = "google.golang.org/grpc";
constexpr char kGenproto[] = "google.golang.org/genproto/googleapis/rpc";
constexpr char kModuleStatus[] = "golang.org/x/net/http2.responseWriterState.status";
constexpr char kMethod[] = "google.golang.org/grpc/internal/transport.Stream.method";
constexpr char kCode[] = "google.golang.org/genproto/googleapis/rpc/status.Status.Code";

TEST(KnownModuleOffsets, KnowTheFieldsOfEachModule) {
  EXPECT_EQ(KnownModuleOffset(kNet, "v0.17.0", kModuleStatus), 72u);
  EXPECT_EQ(KnownModuleOffset(kNet, "v0.1.0", "golang.org/x/net/http2.stream.id"), 8u);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.60.1", "google.golang.org/grpc.ClientConn.target"), 24u);
  EXPECT_THAT(KnownModuleFields(kGrpc), SizeIs(21));
  EXPECT_THAT(KnownModuleFields(kNet), SizeIs(15));
  EXPECT_THAT(KnownModuleFields(kGenproto), ElementsAre(kCode));
  EXPECT_THAT(KnownModuleFields("golang.org/x/text"), IsEmpty());
}

TEST(KnownModuleOffsets, FollowFieldsThatMoved) {
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.42.0", kMethod), 80u);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.65.1", kMethod), 80u);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.66.0", kMethod), 88u);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.69.4", kMethod), 24u);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.77.0", kMethod), 16u);
}

TEST(KnownModuleOffsets, KnowWhereRoutersKeepTheTemplate) {
  const std::string chi = "github.com/go-chi/chi/v5";
  const std::string echo = "github.com/labstack/echo/v4";
  EXPECT_EQ(KnownModuleOffset("github.com/gin-gonic/gin", "v1.9.1",
                              "github.com/gin-gonic/gin.Context.fullPath"),
            112u);
  EXPECT_EQ(KnownModuleOffset(chi, "v5.0.0", chi + ".Context.RoutePatterns"), 48u);
  EXPECT_EQ(KnownModuleOffset(chi, "v5.1.0", chi + ".Context.RoutePatterns"), 176u);
  EXPECT_EQ(KnownModuleOffset(echo, "v4.11.4", echo + ".context.path"), 16u);
  EXPECT_EQ(KnownModuleOffset(echo, "v4.13.3", echo + ".context.path"), 88u);
  EXPECT_THAT(KnownModuleFields("github.com/gorilla/mux"), SizeIs(3));
}

TEST(KnownModuleOffsets, KnowWhereRoutersKeepTheHandler) {
  const std::string echo = "github.com/labstack/echo/v4";
  EXPECT_EQ(KnownModuleOffset("github.com/gin-gonic/gin", "v1.9.1",
                              "github.com/gin-gonic/gin.Context.handlers"),
            80u);
  EXPECT_EQ(KnownModuleOffset(echo, "v4.11.4", echo + ".context.handler"), 88u);
  EXPECT_EQ(KnownModuleOffset(echo, "v4.12.0", echo + ".context.handler"), 144u);
  EXPECT_EQ(KnownModuleOffset(echo, "v4.13.3", echo + ".context.handler"), 80u);
}

TEST(KnownModuleOffsets, KnowWhereTransportsKeepTheirPeer) {
  const std::string server = "google.golang.org/grpc/internal/transport.http2Server";
  const std::string client = "google.golang.org/grpc/internal/transport.http2Client";
  const std::string attempt = "google.golang.org/grpc.csAttempt";
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.59.0", server + ".remoteAddr"), 72u);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.59.0", server + ".peer.Addr"), std::nullopt);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.60.0", server + ".remoteAddr"), std::nullopt);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.60.0", server + ".peer.Addr"), 56u);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.51.0", client + ".remoteAddr"), 88u);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.85.0", client + ".remoteAddr"), 152u);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.70.0", attempt + ".t"), 24u);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.71.0", attempt + ".t"), std::nullopt);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.71.0", attempt + ".transport"), 24u);
}

TEST(KnownModuleOffsets, SayWhetherAStreamIsHeldByPointerOrByValue) {
  const std::string stream = "google.golang.org/grpc/internal/transport.ServerStream.Stream";
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.68.1", stream), std::nullopt);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.69.0", stream), 0u);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.76.0", stream + ".method"), std::nullopt);
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.77.0", stream + ".method"), 16u);
}

TEST(KnownModuleOffsets, NeverExtrapolate) {
  for (const char* version : {"v0.0.9", "v0.17.1", "v0.999.0", "v1.17.0"}) {
    EXPECT_EQ(KnownModuleOffset(kNet, version, kModuleStatus), std::nullopt) << version;
  }
  for (const char* version : {"v1.41.0", "v1.67.4", "v1.74.1", "v1.999.0", "v2.60.0", "v0.60.0"}) {
    EXPECT_EQ(KnownModuleOffset(kGrpc, version, kMethod), std::nullopt) << version;
  }
}

TEST(KnownModuleOffsets, RefusePreviewsAndWhatIsNoVersion) {
  for (const char* version : {"", "v", "v1", "v1.60", "v1.60.", "v1.60.1-dev", "v1.60.1+dirty",
                              "1.60.1", "v1.60.1.0", "v1.-60.1", "v1.+60.1", "v1.99999999999.1",
                              "(devel)", "v1.60.2-0.20240101000000-0123456789ab"}) {
    EXPECT_EQ(KnownModuleOffset(kGrpc, version, kMethod), std::nullopt) << version;
  }
  EXPECT_EQ(KnownModuleOffset(kGrpc, "v1.60.1", kMethod), 80u);
}

TEST(KnownModuleOffsets, KnowTheCommitsThatWereMeasuredAndThoseBetween) {
  EXPECT_EQ(KnownModuleOffset(kGenproto, "v0.0.0-20240814211410-ddb44dafa142", kCode), 40u);
  EXPECT_EQ(KnownModuleOffset(kGenproto, "v0.0.0-20240815211410-ddb44dafa142", kCode), 40u);
  EXPECT_EQ(KnownModuleOffset(kGenproto, "v0.0.0-20190815211410-ddb44dafa142", kCode),
            std::nullopt);
  EXPECT_EQ(KnownModuleOffset(kGenproto, "v0.0.0-20990815211410-ddb44dafa142", kCode),
            std::nullopt);
  EXPECT_EQ(KnownModuleOffset(kNet, "v0.0.0-20240814211410-ddb44dafa142", kModuleStatus),
            std::nullopt);
}

TEST(KnownModuleOffsets, AreOfTheModuleThatIsAskedFor) {
  EXPECT_EQ(KnownModuleOffset(kNet, "v0.62.0", kMethod), std::nullopt);
  EXPECT_THAT(KnownModuleFields(kGrpc), Contains(kMethod));
}

}  // namespace
}  // namespace uprobed::profile
