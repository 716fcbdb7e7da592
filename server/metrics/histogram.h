#ifndef UPROBED_SERVER_METRICS_HISTOGRAM_H_
#define UPROBED_SERVER_METRICS_HISTOGRAM_H_

#include <cstdint>
#include <span>
#include <vector>

#include "prometheus/client_metric.h"

namespace uprobed::metrics {

// Counts of values by bucket, with their exact number and sum.
// Thread: the owner's only.
class Histogram {
 public:
  // `upper_bounds` are ascending, without +Inf, and outlive the histogram.
  explicit Histogram(std::span<const double> upper_bounds)
      : upper_bounds_(upper_bounds), counts_(upper_bounds.size() + 1) {}

  void Observe(double value);
  // Adds values of which is known how many are in each bucket and what their sum is.
  void Add(std::span<const uint64_t> counts, double sum);
  uint64_t count() const { return count_; }
  // With cumulative buckets, the last of which is +Inf.
  prometheus::ClientMetric::Histogram Collect() const;

 private:
  std::span<const double> upper_bounds_;
  std::vector<uint64_t> counts_;  // by bucket, not cumulative; the last is +Inf's
  uint64_t count_ = 0;
  double sum_ = 0;
};

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_HISTOGRAM_H_
