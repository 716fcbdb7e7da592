#ifndef UPROBED_CLIENT_QUANTILE_H_
#define UPROBED_CLIENT_QUANTILE_H_

#include <optional>

#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

// All that a histogram tells of a quantile.
struct QuantileBound {
  double bound = 0;
  // The quantile is above `bound`, the last finite one; else it is at most `bound`.
  bool above = false;
};

// The bucket that the observation of rank `quantile` (0 to 1) lies in. It is not interpolated: with
// buckets that begin at 5 ms, that would call 2.5 ms the median of requests of 20 us. nullopt where
// nothing was observed or the histogram is malformed.
std::optional<QuantileBound> BoundQuantile(const v1::MetricFamily::Histogram& histogram,
                                           double quantile);

// The value of that rank, interpolated geometrically: as if the logarithms of those in a bucket
// were spread evenly over it. Of the zero bucket its threshold. nullopt as above.
std::optional<double> EstimateQuantile(const v1::MetricFamily::ExponentialHistogram& histogram,
                                       double quantile);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_QUANTILE_H_
