#ifndef UPROBED_CLIENT_RENDER_METRICS_H_
#define UPROBED_CLIENT_RENDER_METRICS_H_

#include "client/terminal.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

// One row for each series. A histogram shows its count, its mean and its quantiles, or between
// which bounds these lie where it has no exponential one.
void PrintMetrics(Terminal& terminal, const v1::StreamMetricsResponse& response);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_RENDER_METRICS_H_
