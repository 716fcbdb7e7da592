#ifndef UPROBED_CLIENT_RENDER_METRICS_H_
#define UPROBED_CLIENT_RENDER_METRICS_H_

#include <optional>

#include "client/terminal.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

// One row for each series. A histogram shows its count, its mean and where its quantiles lie.
void PrintMetrics(Terminal& terminal, const v1::StreamMetricsResponse& response);

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

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_RENDER_METRICS_H_
