#ifndef UPROBED_SERVER_METRICS_FAMILIES_H_
#define UPROBED_SERVER_METRICS_FAMILIES_H_

#include <string>
#include <vector>

#include "prometheus/client_metric.h"
#include "prometheus/metric_family.h"

namespace uprobed::metrics {

using Labels = std::vector<prometheus::ClientMetric::Label>;

prometheus::MetricFamily MakeCounter(std::string name, std::string help);
prometheus::MetricFamily MakeGauge(std::string name, std::string help);

// Adds one series to a counter or gauge.
void AddMetric(prometheus::MetricFamily& family, double value, Labels labels = {});
// Adds one series to a histogram.
void AddHistogram(prometheus::MetricFamily& family, prometheus::ClientMetric::Histogram histogram,
                  Labels labels);

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_FAMILIES_H_
