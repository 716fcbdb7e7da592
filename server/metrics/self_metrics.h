#ifndef UPROBED_SERVER_METRICS_SELF_METRICS_H_
#define UPROBED_SERVER_METRICS_SELF_METRICS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "server/control/ledger.h"
#include "server/control/probe.h"
#include "server/metrics/event_loop_stats.h"
#include "server/span/topology.h"
#include "server/store/store.h"
#include "server/stream/span_hub.h"

namespace uprobed::metrics {

// Where the daemon's metrics about itself come from. All functions are set, thread-safe, and valid
// as long as the metrics are collected.
struct SelfMetricsSources {
  std::string version;
  int64_t start_unix_ns = 0;
  std::function<std::vector<control::Probe>()> probes;
  std::function<stream::HubStats()> hub;
  std::function<store::StoreStats()> store;
  std::function<span::TopologyStats()> topology;
  std::function<EventLoopStats()> event_loop;
  std::function<std::vector<control::LedgerBalance>()> ledger;
  std::function<size_t()> requests_in_flight;
  std::function<size_t()> contexts_in_flight;
  std::function<size_t()> routes_in_flight;
  std::function<size_t()> connections_in_flight;
  std::function<size_t()> headers_in_flight;
  std::function<size_t()> handoffs_in_flight;
};

// The uprobed_* families: what the daemon did, costs and lost. Holds no counts of its own: each
// Collect() asks the sources.
// Thread-safe.
class SelfMetrics : public prometheus::Collectable {
 public:
  explicit SelfMetrics(SelfMetricsSources sources);
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const SelfMetricsSources sources_;
};

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_SELF_METRICS_H_
