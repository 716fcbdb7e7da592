#ifndef UPROBED_SERVER_METRICS_EDGE_METRICS_H_
#define UPROBED_SERVER_METRICS_EDGE_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "server/metrics/bounded_series.h"
#include "server/metrics/duration_bounds.h"
#include "server/metrics/histogram.h"
#include "server/metrics/service_graph.h"
#include "server/span/edge.h"

namespace uprobed::metrics {

// The topology's edges over time: uprobed_edge_* by caller and callee with their functions, and the
// names that Grafana's service graph reads, by service alone. A series goes when its edge has not
// been seen for `window_ns`, and begins at 0 when it is seen again, which Prometheus takes for a
// restart. Thread-safe.
class EdgeMetrics : public prometheus::Collectable {
 public:
  // `max_series` bounds each family; the overflow series comes on top.
  EdgeMetrics(size_t max_series, int64_t window_ns);

  // `now_ns` is monotonic.
  void Record(const span::Call& call, int64_t now_ns);
  void Advance(int64_t now_ns);
  std::vector<prometheus::MetricFamily> Collect() const override;
  // Appends, for each family, its number of series and of values counted on the overflow series.
  void CollectUsage(prometheus::MetricFamily& series, prometheus::MetricFamily& overflowed) const;

 private:
  struct Edge {
    uint64_t errors = 0;
    Histogram duration{kDurationBounds};
  };

  mutable absl::Mutex mutex_;
  BoundedSeries<span::EdgeKey, Edge> edges_ ABSL_GUARDED_BY(mutex_);
  ServiceGraph service_graph_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_EDGE_METRICS_H_
