#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <limits>
#include <thread>

#include "tests/unit/rpc/server_fixture.h"

namespace uprobed::rpc {
namespace {

using TelemetryStub = v1::TelemetryService::Stub;

// Of spans, and some for the totals.
constexpr size_t kMaxResponseBytes = (2 << 20) + 64;

class StreamSpansTest : public ServerTest {
 protected:
  void Stream(const v1::StreamSpansRequest& request = {}) {
    context_ = std::make_unique<grpc::ClientContext>();
    reader_ = telemetry_->StreamSpans(context_.get(), request);
  }
  void Publish(const std::string& path) {
    span::Span span;
    span.method = "GET";
    span.path = path;
    hub_.Publish(span);
    hub_.Flush();
  }
  bool Read() { return reader_->Read(&last_); }
  // Once the subscription is in place.
  void Start(const v1::StreamSpansRequest& request = {}) {
    Stream(request);
    ASSERT_TRUE(Read());
    EXPECT_TRUE(last_.started());
    EXPECT_EQ(last_.spans_size(), 0);
  }
  std::string Refusal(const v1::StreamSpansRequest& request) {
    Stream(request);
    EXPECT_FALSE(Read());
    const grpc::Status status = reader_->Finish();
    return Summary(status) + " " + FieldOf(status);
  }
  // Reads `count` spans, in as many responses as it takes.
  std::vector<std::string> Paths(size_t count) {
    std::vector<std::string> paths;
    while (paths.size() < count && Read()) {
      EXPECT_FALSE(last_.started());
      EXPECT_LE(last_.ByteSizeLong(), kMaxResponseBytes);
      for (const v1::Span& span : last_.spans()) {
        for (const v1::KeyValue& attribute : span.attributes()) {
          if (attribute.key() == "url.path") paths.push_back(attribute.string_value());
        }
      }
    }
    return paths;
  }

  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReader<v1::StreamSpansResponse>> reader_;
  v1::StreamSpansResponse last_;
};

TEST_F(StreamSpansTest, TellsEachSpanInOrder) {
  Start();
  std::vector<std::string> expected;
  for (int i = 0; i < 1000; ++i) {
    expected.push_back("/" + std::to_string(i));
    Publish(expected.back());
  }
  EXPECT_EQ(Paths(1000), expected);
  EXPECT_EQ(last_.dropped_total(), 0U);
  context_->TryCancel();
}

// Paths() checks each.
TEST_F(StreamSpansTest, TellsManySpansInResponsesThatEachClientTakes) {
  constexpr size_t kSpans = 20000;
  const std::string path = "/" + std::string(1000, 'a');
  Start();
  for (size_t i = 0; i < kSpans; ++i) Publish(path);
  EXPECT_EQ(Paths(kSpans).size(), kSpans);
  EXPECT_EQ(last_.delivered_total(), kSpans);
  context_->TryCancel();
}

TEST_F(StreamSpansTest, TellsOnlyWhatTheFilterAccepts) {
  v1::StreamSpansRequest request;
  request.set_filter("url.path = \"/b\"");
  request.set_limit(1);
  Start(request);
  Publish("/a");
  Publish("/b");
  EXPECT_EQ(Paths(1), std::vector<std::string>{"/b"});
  EXPECT_FALSE(Read());
  EXPECT_EQ(Summary(reader_->Finish()), "OK");
}

TEST_F(StreamSpansTest, EndsAtTheLimit) {
  v1::StreamSpansRequest request;
  request.set_limit(300);
  Start(request);
  for (int i = 0; i < 500; ++i) Publish("/a");
  EXPECT_EQ(Paths(1000).size(), 300U);
  EXPECT_EQ(Summary(reader_->Finish()), "OK");
}

TEST_F(StreamSpansTest, TellsCompactSpansUpToTheLimit) {
  v1::StreamSpansRequest request;
  request.set_compact(true);
  request.set_limit(300);
  Start(request);
  for (int i = 0; i < 500; ++i) Publish("/same");
  int spans = 0;
  int in_full = 0;
  while (Read()) {
    EXPECT_EQ(last_.spans_size(), 0);
    spans += last_.compact_spans_size();
    for (const v1::CompactSpan& span : last_.compact_spans()) {
      in_full += span.common_id() == 0 ? 1 : 0;
    }
  }
  EXPECT_EQ(Summary(reader_->Finish()), "OK");
  EXPECT_EQ(spans, 300);
  EXPECT_EQ(in_full, 1);
}

TEST_F(StreamSpansTest, RefusesABadRequestBeforeItStarts) {
  v1::StreamSpansRequest request;
  request.set_filter("url.path = = 3");
  EXPECT_EQ(Refusal(request), "INVALID_ARGUMENT FILTER_SYNTAX filter");
  request.set_filter("url.paths = 3");
  EXPECT_EQ(Refusal(request), "INVALID_ARGUMENT FILTER_UNKNOWN_KEY filter");
  request.clear_filter();
  for (const int32_t capacity : {-1, (1 << 20) + 1, std::numeric_limits<int32_t>::min()}) {
    request.set_queue_capacity(capacity);
    EXPECT_EQ(Refusal(request), "INVALID_ARGUMENT QUEUE_CAPACITY_INVALID queue_capacity");
  }
  request.set_queue_capacity(1 << 20);
  request.set_limit(-1);
  EXPECT_EQ(Refusal(request), "INVALID_ARGUMENT LIMIT_NEGATIVE limit");
}

TEST_F(StreamSpansTest, TellsWhatASlowSubscriberLost) {
  v1::StreamSpansRequest request;
  request.set_queue_capacity(1);
  Start(request);
  // Far more than the connection holds, and nothing is read.
  const std::string path(2000, 'x');
  const auto dropped = [this] { return hub_.stats().dropped; };
  while (dropped() == 0) Publish(path);
  // No span follows, and the loss is told all the same.
  while (last_.dropped_total() == 0) ASSERT_TRUE(Read());
  EXPECT_LE(last_.dropped_total(), dropped());
  context_->TryCancel();
}

TEST_F(StreamSpansTest, KeepsALedgerInEachResponse) {
  v1::StreamSpansRequest request;
  request.set_queue_capacity(3);
  Start(request);
  uint64_t received = 0;
  const std::string path(2000, 'x');
  while (hub_.stats().dropped < 10) Publish(path);
  hub_.Close();
  while (Read()) {
    received += static_cast<uint64_t>(last_.spans_size());
    EXPECT_EQ(last_.delivered_total(), received);
    EXPECT_EQ(last_.offered_total(),
              last_.delivered_total() + last_.dropped_total() + last_.queued());
  }
  EXPECT_EQ(last_.offered_total(), hub_.stats().published);
  EXPECT_EQ(last_.dropped_total(), hub_.stats().dropped);
  EXPECT_EQ(last_.queued(), 0U);
}

TEST_F(StreamSpansTest, RefusesWhatIsNoMessage) {
  // A field of the wrong wire type is skipped as unknown; a length without its bytes is not.
  grpc::ByteBuffer request;
  const grpc::Slice bytes(std::string("\x0A\x7F", 2));
  request = grpc::ByteBuffer(&bytes, 1);
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(&context, "/uprobed.v1.TelemetryService/StreamSpans", &queue);
  void* tag = nullptr;
  bool ok = false;
  call->StartCall(nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  call->WriteLast(request, grpc::WriteOptions(), nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(Summary(status), "INVALID_ARGUMENT REQUEST_MALFORMED");
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
}

TEST_F(StreamSpansTest, RefusesMoreSubscribersThanTheHubTakes) {
  Start();
  auto first_context = std::move(context_);
  auto first_reader = std::move(reader_);
  Start();
  auto second_context = std::move(context_);
  auto second_reader = std::move(reader_);
  EXPECT_EQ(Refusal({}), "RESOURCE_EXHAUSTED SUBSCRIBERS_EXHAUSTED ");
  first_context->TryCancel();
  second_context->TryCancel();
}

TEST_F(StreamSpansTest, UnsubscribesWhenTheClientGoes) {
  Start();
  EXPECT_EQ(hub_.stats().subscribers, 1U);
  context_->TryCancel();
  while (hub_.stats().subscribers != 0) std::this_thread::yield();
}

TEST_F(StreamSpansTest, EndsWithTheHub) {
  Start();
  Publish("/last");
  hub_.Close();
  EXPECT_EQ(Paths(2), std::vector<std::string>{"/last"});
  EXPECT_EQ(Summary(reader_->Finish()), "UNAVAILABLE SHUTTING_DOWN");
}

TEST_F(StreamSpansTest, EndsWithTheServer) {
  Start();
  server_->Shutdown(std::chrono::seconds(10));
  EXPECT_FALSE(Read());
  EXPECT_EQ(Summary(reader_->Finish()), "UNAVAILABLE SHUTTING_DOWN");
}

class StreamMetricsTest : public ServerTest {
 protected:
  void SetUp() override {
    collector_ = [this] {
      metrics::MetricSnapshot metric;
      metric.value = ++collections_;
      std::vector<metrics::FamilySnapshot> families(2);
      families[0].name = "http_server_x";
      families[1].name = "uprobed_y";
      for (metrics::FamilySnapshot& family : families) family.metrics = {metric};
      return families;
    };
    ServerTest::SetUp();
  }
  static v1::StreamMetricsRequest Every(int64_t seconds, int32_t nanos) {
    v1::StreamMetricsRequest request;
    request.mutable_interval()->set_seconds(seconds);
    request.mutable_interval()->set_nanos(nanos);
    return request;
  }
  std::string Refusal(const v1::StreamMetricsRequest& request) {
    grpc::ClientContext context;
    const auto reader = telemetry_->StreamMetrics(&context, request);
    v1::StreamMetricsResponse response;
    EXPECT_FALSE(reader->Read(&response));
    return Summary(reader->Finish());
  }
  std::atomic<int> collections_ = 0;
};

TEST_F(StreamMetricsTest, TellsAllAtOnceAndAgain) {
  grpc::ClientContext context;
  const auto reader = telemetry_->StreamMetrics(&context, Every(0, 100'000'000));
  v1::StreamMetricsResponse response;
  for (int i = 1; i <= 2; ++i) {
    ASSERT_TRUE(reader->Read(&response));
    ASSERT_EQ(response.families_size(), 2);
    EXPECT_EQ(response.families(0).metrics(0).value(), i);
    EXPECT_GT(response.time().seconds(), 0);
  }
  context.TryCancel();
}

TEST_F(StreamMetricsTest, TellsOnlyFamiliesWithThePrefix) {
  v1::StreamMetricsRequest request;
  request.set_name_prefix("http_server_");
  grpc::ClientContext context;
  const auto reader = telemetry_->StreamMetrics(&context, request);
  v1::StreamMetricsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_EQ(response.families_size(), 1);
  EXPECT_EQ(response.families(0).name(), "http_server_x");
  context.TryCancel();
}

TEST_F(StreamMetricsTest, RefusesABadInterval) {
  EXPECT_EQ(Refusal(Every(0, 99'999'999)), "INVALID_ARGUMENT INTERVAL_TOO_SHORT");
  EXPECT_EQ(Refusal(Every(0, 0)), "INVALID_ARGUMENT INTERVAL_TOO_SHORT");
  EXPECT_EQ(Refusal(Every(-1, 0)), "INVALID_ARGUMENT INTERVAL_TOO_SHORT");
  EXPECT_EQ(Refusal(Every(std::numeric_limits<int64_t>::min(), 0)),
            "INVALID_ARGUMENT INTERVAL_TOO_SHORT");
  EXPECT_EQ(Refusal(Every(1, -1)), "INVALID_ARGUMENT INTERVAL_TOO_SHORT");
  EXPECT_EQ(Refusal(Every(86401, 0)), "INVALID_ARGUMENT INTERVAL_TOO_LONG");
  EXPECT_EQ(Refusal(Every(std::numeric_limits<int64_t>::max(), 0)),
            "INVALID_ARGUMENT INTERVAL_TOO_LONG");
}

TEST_F(StreamMetricsTest, EndsWithTheServerHoweverLongTheInterval) {
  grpc::ClientContext context;
  const auto reader = telemetry_->StreamMetrics(&context, Every(86400, 0));
  v1::StreamMetricsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  server_->Shutdown(std::chrono::seconds(10));
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(Summary(reader->Finish()), "UNAVAILABLE SHUTTING_DOWN");
}

}  // namespace
}  // namespace uprobed::rpc
