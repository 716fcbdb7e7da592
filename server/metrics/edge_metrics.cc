#include "server/metrics/edge_metrics.h"

#include <utility>

#include "server/metrics/families.h"

namespace uprobed::metrics {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;
constexpr const char* kEdgeFamilies[] = {"uprobed_edge_requests_total", "uprobed_edge_errors_total",
                                         "uprobed_edge_duration_seconds"};

}  // namespace

EdgeMetrics::EdgeMetrics(size_t max_series, int64_t window_ns)
    : edges_({"caller", "caller_function", "callee", "callee_function"}, max_series, window_ns),
      service_graph_(max_series, window_ns) {}

void EdgeMetrics::Record(const span::Call& call, int64_t now_ns) {
  const absl::MutexLock lock(&mutex_);
  Edge& edge = edges_.Of(call.key, now_ns);
  if (call.is_error) ++edge.errors;
  edge.duration.Observe(static_cast<double>(call.latency_ns) / kNanosecondsPerSecond);
  service_graph_.Record(call, now_ns);
}

void EdgeMetrics::Advance(int64_t now_ns) {
  const absl::MutexLock lock(&mutex_);
  edges_.Expire(now_ns);
  service_graph_.Expire(now_ns);
}

std::vector<prometheus::MetricFamily> EdgeMetrics::Collect() const {
  prometheus::MetricFamily requests =
      MakeCounter(kEdgeFamilies[0], "Requests that a function of one service made to another.");
  prometheus::MetricFamily errors =
      MakeCounter(kEdgeFamilies[1], "Those of them that ended with an error.");
  prometheus::MetricFamily durations{kEdgeFamilies[2],
                                     "Duration of the requests in seconds, as the caller saw it.",
                                     prometheus::MetricType::Histogram,
                                     {}};
  std::vector<prometheus::MetricFamily> families;
  {
    const absl::MutexLock lock(&mutex_);
    edges_.Visit([&](const Labels& labels, const Edge& edge) {
      AddMetric(requests, static_cast<double>(edge.duration.count()), labels);
      AddMetric(errors, static_cast<double>(edge.errors), labels);
      AddHistogram(durations, edge.duration.Collect(), labels);
    });
    service_graph_.Collect(families);
  }
  families.push_back(std::move(requests));
  families.push_back(std::move(errors));
  families.push_back(std::move(durations));
  return families;
}

void EdgeMetrics::CollectUsage(prometheus::MetricFamily& series,
                               prometheus::MetricFamily& overflowed) const {
  const absl::MutexLock lock(&mutex_);
  for (const char* family : kEdgeFamilies) {
    AddMetric(series, static_cast<double>(edges_.size()), {{"family", family}});
    AddMetric(overflowed, static_cast<double>(edges_.overflowed()), {{"family", family}});
  }
  service_graph_.CollectUsage(series, overflowed);
}

}  // namespace uprobed::metrics
