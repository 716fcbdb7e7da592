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
