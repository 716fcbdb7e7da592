#include "server/metrics/to_snapshot.h"

#include <cmath>

#include "gtest/gtest.h"
#include "server/metrics/http_metrics.h"
#include "server/metrics/self_metrics.h"
#include "tests/unit/metrics/find_metric.h"
#include "tests/unit/metrics/samples.h"

namespace uprobed::metrics {
namespace {

const FamilySnapshot* Find(const std::vector<FamilySnapshot>& families, const std::string& name) {
  for (const FamilySnapshot& family : families) {
    if (family.name == name) return &family;
  }
  return nullptr;
}

TEST(ToSnapshot, KeepsHistograms) {
  HttpMetrics metrics;
  metrics.Record(ServerSpan());

  const auto families = ToSnapshot(metrics, {});

  const FamilySnapshot* family = Find(families, "http_server_request_duration_seconds");
  ASSERT_NE(family, nullptr);
  EXPECT_EQ(family->type, FamilyType::kHistogram);
  EXPECT_FALSE(family->help.empty());
  ASSERT_EQ(family->metrics.size(), 1u);
  const MetricSnapshot& metric = family->metrics[0];
  EXPECT_EQ(metric.labels.at("http_route"), "/items/{id}");
  EXPECT_EQ(metric.count, 1u);
  EXPECT_DOUBLE_EQ(metric.sum, 0.03);
  ASSERT_EQ(metric.upper_bounds.size(), 15u);
  ASSERT_EQ(metric.cumulative_counts.size(), 15u);
  EXPECT_EQ(metric.cumulative_counts[2], 0u);  // up to 25 ms
  EXPECT_EQ(metric.cumulative_counts[3], 1u);  // up to 50 ms
  EXPECT_TRUE(std::isinf(metric.upper_bounds.back()));
}

TEST(ToSnapshot, HasExponentialHistogramsOfDurations) {
  HttpMetrics metrics;
  span::Span rpc = ServerSpan();
  rpc.rpc_system = "grpc";
  for (const span::Span& span : {ServerSpan("/a"), ServerSpan("/b"), ClientSpan(), rpc}) {
    metrics.Record(span);
  }
  up_request_metrics requests{};
  requests.duration.sum_ns = 1'000'000;
  requests.duration.counts[up_duration_cell(1'000'000)] = 1;
  metrics.Add(ServerSpan("/b"), requests);

  int durations = 0;
  for (const FamilySnapshot& family : ToSnapshot(metrics, {})) {
    for (const MetricSnapshot& metric : family.metrics) {
      EXPECT_EQ(metric.exponential.has_value(), family.name.ends_with("_duration_seconds"))
          << family.name;
      if (!metric.exponential.has_value()) continue;
      ++durations;
      EXPECT_EQ(metric.exponential->count, metric.count);
      EXPECT_EQ(metric.exponential->sum, metric.sum);
      const bool of_two =
          metric.labels.contains("http_route") && metric.labels.at("http_route") == "/b";
      EXPECT_EQ(metric.count, of_two ? 2U : 1U);
      EXPECT_EQ(metric.exponential->offset,
                of_two ? -40 : -21);  // (977 us, 1.16 ms], (26 ms, 31 ms]
      EXPECT_EQ(metric.exponential->bucket_counts.size(), of_two ? 20U : 1U);
    }
  }
  EXPECT_EQ(durations, 4);
}

TEST(ToSnapshot, KeepsCountersAndGauges) {
  const auto families = ToSnapshot(HttpMetrics(), {std::make_shared<SelfMetrics>(SampleSources())});

  const FamilySnapshot* spans = Find(families, "uprobed_spans_total");
  ASSERT_NE(spans, nullptr);
  EXPECT_EQ(spans->type, FamilyType::kCounter);
  EXPECT_EQ(spans->metrics.at(0).value, 17);
  EXPECT_EQ(spans->metrics.at(0).labels.at("probe"), "shop");
  const FamilySnapshot* edges = Find(families, "uprobed_topology_edges");
  ASSERT_NE(edges, nullptr);
  EXPECT_EQ(edges->type, FamilyType::kGauge);
  EXPECT_EQ(edges->metrics.at(0).value, 40);
}

TEST(ToSnapshot, LeavesOutFamiliesWithoutMetric) {
  const auto families = ToSnapshot(HttpMetrics(), {});

  EXPECT_EQ(Find(families, "http_server_request_duration_seconds"), nullptr);
  EXPECT_NE(Find(families, "uprobed_metric_series_limit"), nullptr);
}

}  // namespace
}  // namespace uprobed::metrics
