#include "server/metrics/histogram.h"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace uprobed::metrics {

void Histogram::Observe(double value) {
  // A bucket includes its upper bound (`le`).
  const auto bucket = std::lower_bound(upper_bounds_.begin(), upper_bounds_.end(), value);
  ++counts_[static_cast<size_t>(bucket - upper_bounds_.begin())];
  ++count_;
  sum_ += value;
}

void Histogram::Add(std::span<const uint64_t> counts, double sum) {
  for (size_t i = 0; i < counts_.size() && i < counts.size(); ++i) {
    counts_[i] += counts[i];
    count_ += counts[i];
  }
  sum_ += sum;
}

prometheus::ClientMetric::Histogram Histogram::Collect() const {
  prometheus::ClientMetric::Histogram histogram;
  histogram.sample_count = count_;
  histogram.sample_sum = sum_;
  uint64_t cumulative = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    cumulative += counts_[i];
    const bool is_last = i == upper_bounds_.size();
    histogram.bucket.push_back(
        {.cumulative_count = cumulative,
         .upper_bound = is_last ? std::numeric_limits<double>::infinity() : upper_bounds_[i]});
  }
  return histogram;
}

}  // namespace uprobed::metrics
