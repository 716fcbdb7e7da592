#include "server/metrics/to_snapshot.h"

#include <cstddef>
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

void Append(CollectedFamily collected, std::vector<FamilySnapshot>& to) {
  const prometheus::MetricFamily& from = collected.family;
  if (from.metric.empty()) return;
  FamilySnapshot family{from.name, from.help, TypeOf(from.type), {}};
  for (size_t i = 0; i < from.metric.size(); ++i) {
    MetricSnapshot& metric = family.metrics.emplace_back(ToSnapshot(from.metric[i], family.type));
    if (i < collected.exponential.size()) metric.exponential = std::move(collected.exponential[i]);
  }
  to.push_back(std::move(family));
}

}  // namespace

std::vector<FamilySnapshot> ToSnapshot(
    const HttpMetrics& requests,
    const std::vector<std::shared_ptr<prometheus::Collectable>>& others) {
  std::vector<FamilySnapshot> families;
  for (CollectedFamily& collected : requests.CollectExponential()) {
    Append(std::move(collected), families);
  }
  for (const auto& collectable : others) {
    for (prometheus::MetricFamily& collected : collectable->Collect()) {
      Append({.family = std::move(collected), .exponential = {}}, families);
    }
  }
  return families;
}

}  // namespace uprobed::metrics
