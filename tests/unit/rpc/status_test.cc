#include "server/rpc/status.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "server/base/errors.h"
#include "tests/unit/rpc/server_fixture.h"

namespace uprobed::rpc {
namespace {

TEST(Status, CarriesReasonDomainAndMetadata) {
  const grpc::Status status = ToGrpcStatus(
      MakeError(absl::StatusCode::kAborted, "ETAG_MISMATCH", "read it again", {{"etag", "a-1"}}));

  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(status.error_message(), "read it again");
  const google::rpc::ErrorInfo info = ErrorInfoOf(status);
  EXPECT_EQ(info.reason(), "ETAG_MISMATCH");
  EXPECT_EQ(info.domain(), "uprobed.v1");
  EXPECT_EQ(info.metadata().at("etag"), "a-1");
  EXPECT_EQ(FieldOf(status), "");
  EXPECT_EQ(ResourceOf(status), "");
}

TEST(Status, NamesTheFieldOfABadRequest) {
  EXPECT_EQ(FieldOf(ToGrpcStatus(FieldError("PID_INVALID", "probe.spec.pid", "no"))),
            "probe.spec.pid");
}

TEST(Status, NamesTheResource) {
  const auto resource = [](const char* reason, const std::map<std::string, std::string>& metadata) {
    return ResourceOf(ToGrpcStatus(MakeError(absl::StatusCode::kNotFound, reason, "no", metadata)));
  };
  EXPECT_EQ(resource("PROBE_NOT_FOUND", {{"probe", "shop"}}), "probe probes/shop");
  EXPECT_EQ(resource("PROBE_EXISTS", {{"name", "probes/shop"}}), "probe probes/shop");
  EXPECT_EQ(resource("BINARY_NOT_FOUND", {{"path", "/shop"}}), "binary /shop");
  EXPECT_EQ(resource("PROCESS_NOT_FOUND", {{"pid", "7"}}), "process 7");
}

TEST(Status, NeverLeavesAsUnknown) {
  const grpc::Status status = ToGrpcStatus(absl::UnknownError("what"));
  EXPECT_EQ(Summary(status), "INTERNAL INTERNAL");
}

TEST(Status, TurnsExceptionsIntoInternal) {
  EXPECT_EQ(Summary(Answer([]() -> absl::Status { throw std::runtime_error("what"); })),
            "INTERNAL INTERNAL");
  EXPECT_EQ(Summary(Answer([]() -> absl::Status { throw 1; })), "INTERNAL INTERNAL");
}

TEST(Status, FitsIntoThePeersMetadata) {
  std::map<std::string, std::string> metadata;
  for (int i = 0; i < 100; ++i) metadata[std::to_string(i)] = std::string(100000, '\xFF');
  metadata["field"] = std::string(100000, 'f');
  const grpc::Status status = ToGrpcStatus(MakeError(
      absl::StatusCode::kInvalidArgument, "PROBE_EXISTS", std::string(100000, '\xFF'), metadata));

  EXPECT_EQ(ReasonOf(status), "PROBE_EXISTS");
  EXPECT_LT(3 * status.error_message().size() + status.error_details().size() * 4 / 3, 8192U);
}

}  // namespace
}  // namespace uprobed::rpc
