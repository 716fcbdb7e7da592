#ifndef UPROBED_SERVER_METRICS_COLLECTED_FAMILY_H_
#define UPROBED_SERVER_METRICS_COLLECTED_FAMILY_H_

#include <vector>

#include "prometheus/metric_family.h"
#include "server/metrics/snapshot.h"

namespace uprobed::metrics {

// A family with what prometheus-cpp has no type for.
struct CollectedFamily {
  prometheus::MetricFamily family;
  std::vector<ExponentialHistogram> exponential;  // of each of its metrics, or none
};

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_COLLECTED_FAMILY_H_
