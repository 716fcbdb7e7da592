#ifndef UPROBED_SERVER_METRICS_TO_SNAPSHOT_H_
#define UPROBED_SERVER_METRICS_TO_SNAPSHOT_H_

#include <memory>
#include <vector>

#include "prometheus/collectable.h"
#include "server/metrics/http_metrics.h"
#include "server/metrics/snapshot.h"

namespace uprobed::metrics {

// Collects all for the gRPC stream: the same names, labels and values that Prometheus gets, and
// exponential histograms. Families without a metric are left out, as Prometheus does.
std::vector<FamilySnapshot> ToSnapshot(
    const HttpMetrics& requests,
    const std::vector<std::shared_ptr<prometheus::Collectable>>& others);

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_TO_SNAPSHOT_H_
