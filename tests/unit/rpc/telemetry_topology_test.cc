#include <memory>
#include <string>

#include "server/base/clock.h"
#include "tests/unit/rpc/server_fixture.h"

namespace uprobed::rpc {
namespace {

using TelemetryStub = v1::TelemetryService::Stub;

constexpr int64_t kSecond = 1'000'000'000;

class TopologyTest : public ServerTest {
 protected:
  // A request that `service` serves, which ended so many seconds ago.
  void Serve(const std::string& service, const std::string& route = "/x", int64_t age_seconds = 0) {
    span::Span span;
    span.service_name = service;
    span.route = route;
    span.end_unix_ns = UnixNanosNow() - age_seconds * kSecond;
    span.start_unix_ns = span.end_unix_ns - 1000;
    span.span_id.fill(static_cast<uint8_t>(++spans_));
    topology_.Add(span, now_);
  }
  v1::Topology Get(const v1::GetTopologyRequest& request = {}) {
    v1::Topology topology;
    EXPECT_EQ(Summary(Call(*telemetry_, &TelemetryStub::GetTopology, request, &topology)), "OK");
    return topology;
  }
  v1::Topology GetOf(const std::string& service) {
    v1::GetTopologyRequest request;
    request.set_service(service);
    return Get(request);
  }

  int spans_ = 0;
  int64_t now_ = kSecond;
};

TEST_F(TopologyTest, TellsEdgesOfAllServicesOrOfOne) {
  for (const std::string service : {"shop", "stock"}) Serve(service);
  EXPECT_EQ(Get().edges_size(), 2);
  ASSERT_EQ(GetOf("shop").edges_size(), 1);
  EXPECT_EQ(GetOf("shop").edges(0).caller(), "shop");
  EXPECT_EQ(GetOf("none").edges_size(), 2);  // the callee of both
  EXPECT_EQ(GetOf("other").edges_size(), 0);
  EXPECT_GT(Get().time().seconds(), 0);
}

TEST_F(TopologyTest, TellsEdgesSeenInTheWindow) {
  Serve("shop", "/new");
  Serve("shop", "/old", 600);
  v1::GetTopologyRequest request;
  request.mutable_window()->set_seconds(300);
  ASSERT_EQ(Get(request).edges_size(), 1);
  EXPECT_EQ(Get(request).edges(0).caller_function(), "/new");
  request.mutable_window()->set_seconds(315'576'000'000);  // the longest there is
  EXPECT_EQ(Get(request).edges_size(), 2);

  v1::Topology topology;
  for (const int64_t seconds : {-1, 0}) {
    request.mutable_window()->set_seconds(seconds);
    const grpc::Status status = Call(*telemetry_, &TelemetryStub::GetTopology, request, &topology);
    EXPECT_EQ(Summary(status), "INVALID_ARGUMENT WINDOW_INVALID");
    EXPECT_EQ(FieldOf(status), "window");
  }
}

class WatchTopologyTest : public TopologyTest {
 protected:
  void Watch(const std::string& service = "") {
    v1::WatchTopologyRequest request;
    request.set_service(service);
    request.mutable_interval()->set_nanos(100'000'000);
    reader_ = telemetry_->WatchTopology(&context_, request);
  }
  void TearDown() override {
    context_.TryCancel();
    reader_.reset();
    TopologyTest::TearDown();
  }
  bool Read() { return reader_->Read(&last_); }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchTopologyResponse>> reader_;
  v1::WatchTopologyResponse last_;
};

TEST_F(WatchTopologyTest, TellsAllEdgesThenWhatChanges) {
  Serve("shop", "/a");
  Watch();
  ASSERT_TRUE(Read());
  EXPECT_TRUE(last_.snapshot());
  EXPECT_TRUE(last_.complete());
  ASSERT_EQ(last_.added_size(), 1);
  EXPECT_EQ(last_.added(0).count(), 1U);

  Serve("shop", "/a");
  ASSERT_TRUE(Read());
  EXPECT_FALSE(last_.snapshot());
  EXPECT_EQ(last_.added_size(), 0);
  ASSERT_EQ(last_.changed_size(), 1);
  EXPECT_EQ(last_.changed(0).count(), 2U);

  Serve("shop", "/b");
  ASSERT_TRUE(Read());
  ASSERT_EQ(last_.added_size(), 1);
  EXPECT_EQ(last_.added(0).caller_function(), "/b");
  EXPECT_GT(last_.time().seconds(), 0);

  topology_.Advance(now_ + 3601 * kSecond);
  ASSERT_TRUE(Read());
  // The requests that nobody claimed are from outside.
  EXPECT_EQ(last_.added_size(), 2);
  ASSERT_EQ(last_.removed_size(), 2);
  EXPECT_EQ(last_.removed(0).caller_function(), "/a");
  EXPECT_EQ(last_.removed(0).count(), 0U);
}

TEST_F(WatchTopologyTest, TellsEdgesOfOneService) {
  Watch("shop");
  ASSERT_TRUE(Read());
  EXPECT_TRUE(last_.snapshot());
  EXPECT_EQ(last_.added_size(), 0);

  Serve("stock");
  Serve("shop");
  ASSERT_TRUE(Read());
  ASSERT_EQ(last_.added_size(), 1);
  EXPECT_EQ(last_.added(0).caller(), "shop");
}

TEST_F(WatchTopologyTest, TellsManyEdgesInSeveralResponses) {
  for (int i = 0; i < 2500; ++i) Serve("shop", "/" + std::to_string(i));
  Watch();
  int edges = 0;
  for (const int size : {1000, 1000, 500}) {
    ASSERT_TRUE(Read());
    EXPECT_EQ(last_.added_size(), size);
    EXPECT_EQ(last_.snapshot(), edges == 0);
    edges += size;
    EXPECT_EQ(last_.complete(), edges == 2500);
  }
}

TEST_F(WatchTopologyTest, RefusesABadInterval) {
  v1::WatchTopologyRequest request;
  request.mutable_interval()->set_nanos(1);
  reader_ = telemetry_->WatchTopology(&context_, request);
  EXPECT_FALSE(Read());
  EXPECT_EQ(Summary(reader_->Finish()), "INVALID_ARGUMENT INTERVAL_TOO_SHORT");
}

TEST_F(WatchTopologyTest, EndsWithTheServer) {
  Watch();
  ASSERT_TRUE(Read());
  server_->Shutdown(std::chrono::seconds(10));
  EXPECT_FALSE(Read());
  EXPECT_EQ(Summary(reader_->Finish()), "UNAVAILABLE SHUTTING_DOWN");
}

}  // namespace
}  // namespace uprobed::rpc
