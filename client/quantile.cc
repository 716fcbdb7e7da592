#include "client/quantile.h"

#include <cmath>

namespace uprobed::client {

std::optional<QuantileBound> BoundQuantile(const v1::MetricFamily::Histogram& histogram,
                                           double quantile) {
  const int buckets = histogram.upper_bounds_size();
  if (histogram.count() == 0 || histogram.cumulative_counts_size() != buckets) return std::nullopt;
  const double rank = quantile * static_cast<double>(histogram.count());
  for (int i = 0; i < buckets; ++i) {
    if (static_cast<double>(histogram.cumulative_counts(i)) < rank) continue;
    if (!std::isinf(histogram.upper_bounds(i))) return QuantileBound{histogram.upper_bounds(i)};
    // With no finite bucket there is nothing to say.
    if (i == 0) return std::nullopt;
    return QuantileBound{histogram.upper_bounds(i - 1), true};
  }
  return std::nullopt;
}

std::optional<double> EstimateQuantile(const v1::MetricFamily::ExponentialHistogram& histogram,
                                       double quantile) {
  if (histogram.count() == 0) return std::nullopt;
  const double rank = quantile * static_cast<double>(histogram.count());
  double before = static_cast<double>(histogram.zero_count());
  if (before > 0 && rank <= before) return histogram.zero_threshold();
  for (int i = 0; i < histogram.bucket_counts_size(); ++i) {
    const auto in_bucket = static_cast<double>(histogram.bucket_counts(i));
    if (in_bucket > 0 && rank <= before + in_bucket) {
      const double index =
          static_cast<double>(histogram.offset()) + i + (rank - before) / in_bucket;
      return std::exp2(std::ldexp(index, -histogram.scale()));
    }
    before += in_bucket;
  }
  return std::nullopt;
}

}  // namespace uprobed::client
