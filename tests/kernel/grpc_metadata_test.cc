// What comes with a request of google.golang.org/grpc: the trace in its metadata, and from whom.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "tests/kernel/grpc_targets.h"
#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {
namespace {

using Pairs = std::vector<std::string>;  // keys and values in turn

constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParentId[] = "00f067aa0ba902b7";

template <size_t kSize>
std::string Hex(const std::array<uint8_t, kSize>& id) {
  std::string text;
  for (const uint8_t byte : id) text += fmt::format("{:02x}", byte);
  return text;
}

std::string Traceparent(const std::string& flags = "01") {
  return fmt::format("00-{}-{}-{}", kTraceId, kParentId, flags);
}

class GrpcMetadata : public KernelTest,
                     public ::testing::WithParamInterface<std::filesystem::path> {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    attachment_ = Attach(OwnCopy(GetParam()));
    ASSERT_NE(attachment_, nullptr);
  }

  void TearDown() override { ExpectBalance(attachment_.get()); }

  void Serve(const std::string& how = "") {
    std::vector<std::string> command = {OwnCopy(GetParam()), "serve"};
    if (!how.empty()) command.push_back(how);
    server_ = ChildProcess::Start(command);
    ASSERT_TRUE(server_.has_value());
    address_ = server_->ReadLine();
    ASSERT_NE(address_, "");
  }

  // Calls the method; the local port of the client.
  uint32_t Call(const std::string& method, const Pairs& metadata, int64_t code = 0) {
    std::vector<std::string> command = {OwnCopy(GetParam()), "call", address_,
                                        "/calls.Calls/" + method};
    command.insert(command.end(), metadata.begin(), metadata.end());
    std::optional<ChildProcess> client = ChildProcess::Start(command);
    EXPECT_TRUE(client.has_value());
    std::istringstream line(client->ReadLine());
    int64_t got = -1;
    uint32_t port = 0;
    line >> got >> port;
    EXPECT_EQ(got, code);
    EXPECT_EQ(client->Wait(), 0);
    return port;
  }

  // The span of the only request of that kind, after which all are forgotten.
  span::Span Only(bool (*is_kind)(const span::Span&)) {
    const std::vector<span::Span> found = spans_.Wait(
        1, [is_kind](const span::Span& span) { return is_kind(span) && span.is_rpc(); });
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? span::Span() : found.front();
  }
  span::Span ServedWith(const Pairs& metadata) {
    spans_.Clear();
    Call("Unary", metadata);
    return Only(IsServer);
  }

  static void ExpectAdopted(const span::Span& span, uint8_t flags = 1) {
    EXPECT_EQ(Hex(span.trace_id), kTraceId);
    EXPECT_EQ(Hex(span.parent_span_id), kParentId);
    EXPECT_EQ(span.parent_source, span::ParentSource::kTraceparent);
    EXPECT_EQ(span.trace_flags, flags);
  }
  static void ExpectRoot(const span::Span& span) {
    EXPECT_FALSE(span.has_parent());
    EXPECT_EQ(span.parent_source, span::ParentSource::kNone);
    EXPECT_NE(Hex(span.trace_id), kTraceId);
  }

  std::unique_ptr<probe::Attachment> attachment_;
  std::optional<ChildProcess> server_;
  std::string address_;
};

TEST_P(GrpcMetadata, ATraceparentIsTheParentOfTheRequest) {
  Serve();

  ExpectAdopted(ServedWith({"traceparent", Traceparent()}));
  ExpectAdopted(ServedWith({"traceparent", Traceparent("00")}), 0);
  ExpectAdopted(ServedWith({"Traceparent", Traceparent()}));  // gRPC sends it in lower case
}

TEST_P(GrpcMetadata, WithoutATraceparentThatIsOneARequestIsARoot) {
  Serve();

  ExpectRoot(ServedWith({}));
  ExpectRoot(ServedWith({"tracestate", "a=b", "user-agent-x", Traceparent()}));
  for (const std::string& malformed :
       {std::string("00"), Traceparent("0"), Traceparent("zz"), "ff" + Traceparent().substr(2),
        Traceparent() + "-00", fmt::format("00-{:032}-{}-01", 0, kParentId),
        fmt::format("00-{}-{:016}-01", kTraceId, 0)}) {
    SCOPED_TRACE(malformed);
    ExpectRoot(ServedWith({"traceparent", malformed}));
  }
  // What says two things says nothing that is sure, but the first is what a program reads, too.
  ExpectAdopted(ServedWith({"traceparent", Traceparent(), "traceparent", "00"}));
}

TEST_P(GrpcMetadata, ATraceparentIsFoundAmongOthers) {
  Serve();

  // Around the sizes at which Go's maps grow.
  for (const size_t others : {1U, 2U, 3U, 4U, 8U, 12U, 16U, 30U, 40U}) {
    SCOPED_TRACE(others);
    Pairs metadata;
    for (size_t i = 0; i < others; ++i) {
      metadata.push_back(
          fmt::format("{}-{}{}", i % 3 == 0 ? "tracepare" : "key", i, i % 2 == 0 ? "-bin" : ""));
      metadata.push_back(i % 2 == 0 ? "\xff\x80\x01" : "value");
      if (i == others / 2) metadata.insert(metadata.end(), {"traceparent", Traceparent()});
    }
    ExpectAdopted(ServedWith(metadata));
  }
}

TEST_P(GrpcMetadata, WhatOnlyLooksLikeMetadataIsNone) {
  Serve("tagged");

  ExpectRoot(ServedWith({}));
  ExpectAdopted(ServedWith({"traceparent", Traceparent()}));
}

TEST_P(GrpcMetadata, ServedByNetHttpATraceparentIsReadToo) {
  Serve("handler");

  ExpectRoot(ServedWith({}));
  ExpectAdopted(ServedWith({"traceparent", Traceparent()}));
}

TEST_P(GrpcMetadata, TheTracestateBesideATraceparentIsTheSpans) {
  Serve();

  const span::Span with = ServedWith({"tracestate", "a=1,b=2", "traceparent", Traceparent()});
  const span::Span alone = ServedWith({"tracestate", "a=1"});
  const span::Span two =
      ServedWith({"tracestate", "a=1", "traceparent", Traceparent(), "tracestate", "b=2"});

  EXPECT_EQ(with.trace_state, "a=1,b=2");
  EXPECT_EQ(with.truncated, "");
  EXPECT_EQ(alone.trace_state, "");
  EXPECT_EQ(two.trace_state, "a=1");
  EXPECT_EQ(two.truncated, "trace_state");
  EXPECT_EQ(backend_.TraceStatesInFlight(), 0U);
}

TEST_P(GrpcMetadata, PeersAreThoseOfTheConnection) {
  Serve();
  const std::string server_port = address_.substr(address_.rfind(':') + 1);

  const uint32_t client_port = Call("Unary", {});

  const span::Span served = Only(IsServer);
  EXPECT_NE(client_port, 0U);
  EXPECT_EQ(served.peer_address, "127.0.0.1");
  EXPECT_EQ(served.peer_port, client_port);
  const span::Span made = Only(IsClient);
  EXPECT_EQ(made.peer_address, "127.0.0.1");
  EXPECT_EQ(std::to_string(made.peer_port), server_port);
  EXPECT_EQ(served.truncated, "");
}

TEST_P(GrpcMetadata, ThePeerOfWhatIsServedIsReadWhileSomebodyStreams) {
  Serve();
  backend_.SetSpansStreamed(false);

  Call("Unary", {});

  const span::Span served = Only(IsServer);
  EXPECT_TRUE(served.unstreamed);
  EXPECT_EQ(served.peer_address, "");
  EXPECT_FALSE(Only(IsClient).unstreamed);
}

// The name of the socket is as long as an address of IPv6.
TEST_P(GrpcMetadata, WhatIsNoTcpAddressIsNoPeer) {
  Serve("unix");
  ASSERT_EQ(address_.size(), 16U);

  Call("Unary", {"traceparent", Traceparent()});

  const span::Span served = Only(IsServer);
  const span::Span made = Only(IsClient);
  ExpectAdopted(served);
  EXPECT_EQ(served.peer_address, "");
  EXPECT_EQ(served.peer_port, 0U);
  EXPECT_EQ(made.peer_address, "");
  EXPECT_EQ(made.peer_port, 0U);
}

TEST_P(GrpcMetadata, TheKindOfHandlerMakesNoDifferenceToPeers) {
  Serve("handler");

  const uint32_t client_port = Call("Unary", {});

  const span::Span served = Only(IsServer);
  EXPECT_EQ(served.peer_address, "127.0.0.1");
  EXPECT_EQ(served.peer_port, client_port);
}

INSTANTIATE_TEST_SUITE_P(Versions, GrpcMetadata, ::testing::ValuesIn(GrpcTargets()), GrpcTestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GrpcMetadata);

}  // namespace
}  // namespace uprobed::testing
