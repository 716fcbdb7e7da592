#include "server/metrics/http_metrics.h"

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/metrics/find_metric.h"
#include "tests/unit/metrics/samples.h"

namespace uprobed::metrics {
namespace {

constexpr const char* kServerDuration = "http_server_request_duration_seconds";
constexpr const char* kClientDuration = "http_client_request_duration_seconds";

LabelMap ServerLabels(const std::string& route = "/items/{id}") {
  return {{"service_name", "shop"},
          {"http_request_method", "GET"},
          {"http_response_status_code", "200"},
          {"http_route", route},
          {"url_scheme", "http"},
          {"network_protocol_version", "1.1"}};
}

LabelMap OverflowLabels() {
  LabelMap labels = ServerLabels();
  for (auto& [name, value] : labels) value = "_other";
  labels["error_type"] = "_other";
  return labels;
}

TEST(HttpMetrics, RecordsServerSpanWithOpenTelemetrysLabels) {
  HttpMetrics metrics;

  metrics.Record(ServerSpan());
  metrics.Record(ServerSpan());

  const auto metric = FindMetric(metrics.Collect(), kServerDuration, ServerLabels());
  ASSERT_TRUE(metric.has_value());
  EXPECT_EQ(metric->histogram.sample_count, 2u);
  EXPECT_DOUBLE_EQ(metric->histogram.sample_sum, 0.06);
}

// A derived route may be as good as a path, and paths are no labels.
TEST(HttpMetrics, HaveNoDerivedRoutes) {
  HttpMetrics metrics;
  for (const char* derived : {"/users/{id}", "/about"}) {
    span::Span span = ServerSpan();
    span.route.clear();
    span.derived_route = derived;
    metrics.Record(span);
  }

  LabelMap labels = ServerLabels();
  labels.erase("http_route");
  const auto metric = FindMetric(metrics.Collect(), kServerDuration, labels);
  ASSERT_TRUE(metric.has_value());
  EXPECT_EQ(metric->histogram.sample_count, 2u);
}

TEST(HttpMetrics, RecordsClientSpanWithServerAddressAndError) {
  HttpMetrics metrics;

  metrics.Record(ClientSpan());

  EXPECT_TRUE(FindMetric(metrics.Collect(), kClientDuration,
                         {{"service_name", "shop"},
                          {"http_request_method", "GET"},
                          {"http_response_status_code", "404"},
                          {"url_scheme", "http"},
                          {"network_protocol_version", "1.1"},
                          {"error_type", "404"},
                          {"server_address", "stock"},
                          {"server_port", "8081"}}));
  EXPECT_TRUE(FindFamily(metrics.Collect(), kServerDuration).metric.empty());
}

// Of one request of 30 ms, with an empty body and an answer of 512 bytes: as ServerSpan().
up_request_metrics OneRequest() {
  up_request_metrics requests{};
  requests.duration.sum_ns = 30'000'000;
  requests.duration.counts[up_duration_cell(30'000'000)] = 1;
  requests.request_size.counts[0] = 1;
  requests.response_size.sum = 512;
  requests.response_size.counts[1] = 1;
  return requests;
}

TEST(HttpMetrics, AddsRequestsWithoutASpanAsIfTheyHadOne) {
  HttpMetrics recorded;
  HttpMetrics added;
  for (int i = 0; i < 2; ++i) recorded.Record(ServerSpan());

  added.Record(ServerSpan());
  added.Add(ServerSpan(), OneRequest());

  for (const char* family : {kServerDuration, "http_server_request_body_size_bytes",
                             "http_server_response_body_size_bytes"}) {
    const auto expected = FindMetric(recorded.Collect(), family, ServerLabels());
    const auto metric = FindMetric(added.Collect(), family, ServerLabels());
    ASSERT_TRUE(expected.has_value() && metric.has_value()) << family;
    EXPECT_EQ(metric->histogram.sample_count, 2u);
    EXPECT_DOUBLE_EQ(metric->histogram.sample_sum, expected->histogram.sample_sum);
    for (size_t i = 0; i < expected->histogram.bucket.size(); ++i) {
      EXPECT_EQ(metric->histogram.bucket[i].cumulative_count,
                expected->histogram.bucket[i].cumulative_count)
          << family << " " << i;
    }
  }
}

TEST(HttpMetrics, AddsRequestsOfWhichOnlyTheKindIsKnownToTheOverflowSeries) {
  HttpMetrics metrics;

  metrics.AddOverflowed(ServerSpan(), OneRequest());

  const auto metric = FindMetric(metrics.Collect(), kServerDuration, OverflowLabels());
  ASSERT_TRUE(metric.has_value());
  EXPECT_EQ(metric->histogram.sample_count, 1u);
}

TEST(HttpMetrics, AsksForWhatIsKnownElsewhereBeforeEachCollection) {
  HttpMetrics* self = nullptr;
  HttpMetrics metrics(HttpMetrics::kDefaultMaxSeries, {},
                      [&self] { self->Add(ServerSpan(), OneRequest()); });
  self = &metrics;

  metrics.Collect();

  const auto metric = FindMetric(metrics.Collect(), kServerDuration, ServerLabels());
  ASSERT_TRUE(metric.has_value());
  EXPECT_EQ(metric->histogram.sample_count, 2u);
}

// The programs have no floating point, so they have bounds of their own.
TEST(HttpMetrics, HasTheSizesBoundsOfTheKernelSide) {
  constexpr uint64_t kSizes[] = UP_SIZE_BOUNDS;
  HttpMetrics metrics;
  metrics.Record(ServerSpan());
  const auto families = metrics.Collect();

  const auto sizes = FindMetric(families, "http_server_response_body_size_bytes", ServerLabels());

  ASSERT_TRUE(sizes.has_value());
  ASSERT_EQ(sizes->histogram.bucket.size(), std::size(kSizes) + 1);
  for (size_t i = 0; i < std::size(kSizes); ++i) {
    EXPECT_EQ(sizes->histogram.bucket[i].upper_bound, static_cast<double>(kSizes[i]));
  }
}

TEST(HttpMetrics, UsesOpenTelemetrysAdvisedDurationBuckets) {
  HttpMetrics metrics;
  metrics.Record(ServerSpan());

  std::vector<double> bounds;
  const auto metric = FindMetric(metrics.Collect(), kServerDuration, ServerLabels());
  for (const auto& bucket : metric.value().histogram.bucket) bounds.push_back(bucket.upper_bound);

  bounds.pop_back();  // +Inf
  EXPECT_THAT(bounds, testing::ElementsAre(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1,
                                           2.5, 5, 7.5, 10));
}

TEST(HttpMetrics, RecordsSizesOnlyWhereKnown) {
  HttpMetrics metrics;
  metrics.Record(ServerSpan());
  metrics.Record(ClientSpan());

  const auto families = metrics.Collect();

  const auto response =
      FindMetric(families, "http_server_response_body_size_bytes", ServerLabels());
  ASSERT_TRUE(response.has_value());
  EXPECT_DOUBLE_EQ(response->histogram.sample_sum, 512);
  const auto request = FindMetric(families, "http_server_request_body_size_bytes", ServerLabels());
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->histogram.sample_count, 1u);
  EXPECT_EQ(FindFamily(families, "http_client_request_body_size_bytes").metric.size(), 1u);
  EXPECT_TRUE(FindFamily(families, "http_client_response_body_size_bytes").metric.empty());
}

TEST(HttpMetrics, KeepsLabelSetsApartWhoseTextsJoinAlike) {
  HttpMetrics metrics;
  span::Span first = ServerSpan();
  first.service_name = "ab";
  first.method = "c";
  span::Span second = ServerSpan();
  second.service_name = "a";
  second.method = "bc";

  metrics.Record(first);
  metrics.Record(second);

  EXPECT_EQ(FindFamily(metrics.Collect(), kServerDuration).metric.size(), 2u);
}

TEST(HttpMetrics, CountsBeyondBoundOnOverflowSeries) {
  HttpMetrics metrics(2);
  for (const char* route : {"/a", "/b", "/c", "/d", "/a"}) metrics.Record(ServerSpan(route));

  const auto families = metrics.Collect();

  EXPECT_EQ(FindFamily(families, kServerDuration).metric.size(), 3u);
  EXPECT_EQ(FindMetric(families, kServerDuration, ServerLabels("/a"))->histogram.sample_count, 2u);
  const auto overflow = FindMetric(families, kServerDuration, OverflowLabels());
  ASSERT_TRUE(overflow.has_value());
  EXPECT_EQ(overflow->histogram.sample_count, 2u);
  const LabelMap family = {{"family", kServerDuration}};
  EXPECT_EQ(ValueOf(families, "uprobed_metric_series", family), 2);
  EXPECT_EQ(ValueOf(families, "uprobed_metric_series_overflow_total", family), 2);
  EXPECT_EQ(ValueOf(families, "uprobed_metric_series_limit"), 2);
}

TEST(HttpMetrics, SaysSizeOfEachFamily) {
  HttpMetrics metrics;
  metrics.Record(ClientSpan());

  const auto families = metrics.Collect();

  EXPECT_EQ(ValueOf(families, "uprobed_metric_series", {{"family", kClientDuration}}), 1);
  EXPECT_EQ(ValueOf(families, "uprobed_metric_series",
                    {{"family", "http_client_response_body_size_bytes"}}),
            0);
  EXPECT_EQ(
      ValueOf(families, "uprobed_metric_series_overflow_total", {{"family", kClientDuration}}), 0);
  EXPECT_EQ(FindFamily(families, "uprobed_metric_series").metric.size(), 8u);
}

TEST(HttpMetrics, CountsExactlyFromSeveralThreads) {
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kSpans = 2000;
  HttpMetrics metrics;
  std::vector<std::jthread> threads;
  for (uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (uint64_t k = 0; k < kSpans; ++k) metrics.Record(ServerSpan());
      metrics.Collect();
    });
  }
  threads.clear();

  const auto metric = FindMetric(metrics.Collect(), kServerDuration, ServerLabels());

  EXPECT_EQ(metric.value().histogram.sample_count, kThreads * kSpans);
}

}  // namespace
}  // namespace uprobed::metrics
