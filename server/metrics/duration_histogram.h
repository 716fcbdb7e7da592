#ifndef UPROBED_SERVER_METRICS_DURATION_HISTOGRAM_H_
#define UPROBED_SERVER_METRICS_DURATION_HISTOGRAM_H_

#include <array>
#include <cstdint>

#include "bpf/abi/request_metrics.h"
#include "prometheus/client_metric.h"
#include "server/metrics/snapshot.h"

namespace uprobed::metrics {

// Durations of requests, counted once, and given out both with kDurationBounds and as
// OpenTelemetry's exponential histogram: these have the same requests whenever they are collected.
// Thread: the owner's only.
class DurationHistogram {
 public:
  void Observe(int64_t ns);
  // Adds what the kernel's programs have counted.
  void Add(const up_duration_histogram& requests);
  uint64_t count() const { return count_; }
  // In seconds, with cumulative buckets, the last of which is +Inf.
  prometheus::ClientMetric::Histogram Collect() const;
  // In seconds. Its last bucket has what is above all buckets, too.
  ExponentialHistogram CollectExponential() const;

 private:
  std::array<uint64_t, UP_DURATION_CELLS> cells_{};
  uint64_t count_ = 0;
  double sum_seconds_ = 0;
};

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_DURATION_HISTOGRAM_H_
