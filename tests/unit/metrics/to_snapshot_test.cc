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
  const auto metrics = std::make_shared<HttpMetrics>();
  metrics->Record(ServerSpan());

  const auto families = ToSnapshot({metrics});

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

TEST(ToSnapshot, KeepsCountersAndGauges) {
  const auto families = ToSnapshot({std::make_shared<SelfMetrics>(SampleSources())});

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
  const auto families = ToSnapshot({std::make_shared<HttpMetrics>()});

  EXPECT_EQ(Find(families, "http_server_request_duration_seconds"), nullptr);
  EXPECT_NE(Find(families, "uprobed_metric_series_limit"), nullptr);
}

}  // namespace
}  // namespace uprobed::metrics
