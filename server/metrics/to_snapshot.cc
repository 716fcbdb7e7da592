#include "server/metrics/to_snapshot.h"

#include <utility>

#include "prometheus/metric_family.h"

namespace uprobed::metrics {
namespace {

// This daemon's collectables make counters, gauges and histograms only.
FamilyType TypeOf(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return FamilyType::kCounter;
    case prometheus::MetricType::Histogram:
      return FamilyType::kHistogram;
    default:
      return FamilyType::kGauge;
  }
}

MetricSnapshot ToSnapshot(const prometheus::ClientMetric& metric, FamilyType type) {
  MetricSnapshot snapshot;
  for (const auto& label : metric.label) snapshot.labels[label.name] = label.value;
  switch (type) {
    case FamilyType::kCounter:
      snapshot.value = metric.counter.value;
      break;
    case FamilyType::kGauge:
      snapshot.value = metric.gauge.value;
      break;
    case FamilyType::kHistogram:
      snapshot.count = metric.histogram.sample_count;
      snapshot.sum = metric.histogram.sample_sum;
      for (const auto& bucket : metric.histogram.bucket) {
        snapshot.upper_bounds.push_back(bucket.upper_bound);
        snapshot.cumulative_counts.push_back(bucket.cumulative_count);
      }
      break;
  }
  return snapshot;
}

}  // namespace

std::vector<FamilySnapshot> ToSnapshot(
    const std::vector<std::shared_ptr<prometheus::Collectable>>& collectables) {
  std::vector<FamilySnapshot> families;
  for (const auto& collectable : collectables) {
    for (const prometheus::MetricFamily& collected : collectable->Collect()) {
      if (collected.metric.empty()) continue;
      FamilySnapshot family{collected.name, collected.help, TypeOf(collected.type), {}};
      for (const prometheus::ClientMetric& metric : collected.metric) {
        family.metrics.push_back(ToSnapshot(metric, family.type));
      }
      families.push_back(std::move(family));
    }
  }
  return families;
}

}  // namespace uprobed::metrics
