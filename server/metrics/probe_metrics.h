#ifndef UPROBED_SERVER_METRICS_PROBE_METRICS_H_
#define UPROBED_SERVER_METRICS_PROBE_METRICS_H_

#include <vector>

#include "prometheus/metric_family.h"
#include "server/control/probe.h"

namespace uprobed::metrics {

// The families with a `probe` label: state, sites, hits, spans, and losses by cause.
std::vector<prometheus::MetricFamily> CollectProbes(const std::vector<control::Probe>& probes);

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_PROBE_METRICS_H_
