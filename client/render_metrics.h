#ifndef UPROBED_CLIENT_RENDER_METRICS_H_
#define UPROBED_CLIENT_RENDER_METRICS_H_

#include <optional>

#include "client/terminal.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

// One row for each series. A histogram shows its count, mean and estimated quantiles.
void PrintMetrics(Terminal& terminal, const v1::StreamMetricsResponse& response);

// The value below which a share of `quantile` (0 to 1) of the observations lies, interpolated
// linearly within its bucket as Prometheus does; the last finite bound where it lies above that.
// nullopt where nothing was observed or the histogram is malformed.
std::optional<double> EstimateQuantile(const v1::MetricFamily::Histogram& histogram,
                                       double quantile);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_RENDER_METRICS_H_
