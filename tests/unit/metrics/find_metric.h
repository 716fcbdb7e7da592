#ifndef UPROBED_TESTS_UNIT_METRICS_FIND_METRIC_H_
#define UPROBED_TESTS_UNIT_METRICS_FIND_METRIC_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "prometheus/metric_family.h"

namespace uprobed::metrics {

using LabelMap = std::map<std::string, std::string>;

inline LabelMap LabelsOf(const prometheus::ClientMetric& metric) {
  LabelMap labels;
  for (const auto& label : metric.label) labels[label.name] = label.value;
  return labels;
}

inline prometheus::MetricFamily FindFamily(const std::vector<prometheus::MetricFamily>& families,
                                           const std::string& name) {
  for (const prometheus::MetricFamily& family : families) {
    if (family.name == name) return family;
  }
  return {};
}

// The series with exactly `labels`.
inline std::optional<prometheus::ClientMetric> FindMetric(
    const std::vector<prometheus::MetricFamily>& families, const std::string& name,
    const LabelMap& labels = {}) {
  for (const prometheus::ClientMetric& metric : FindFamily(families, name).metric) {
    if (LabelsOf(metric) == labels) return metric;
  }
  return std::nullopt;
}

// The value of a counter or gauge; nullopt where there is no such series.
inline std::optional<double> ValueOf(const std::vector<prometheus::MetricFamily>& families,
                                     const std::string& name, const LabelMap& labels = {}) {
  const auto metric = FindMetric(families, name, labels);
  if (!metric) return std::nullopt;
  const bool is_counter = FindFamily(families, name).type == prometheus::MetricType::Counter;
  return is_counter ? metric->counter.value : metric->gauge.value;
}

}  // namespace uprobed::metrics

#endif  // UPROBED_TESTS_UNIT_METRICS_FIND_METRIC_H_
