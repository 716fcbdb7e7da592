#ifndef UPROBED_SERVER_METRICS_DURATION_BOUNDS_H_
#define UPROBED_SERVER_METRICS_DURATION_BOUNDS_H_

#include <array>

namespace uprobed::metrics {

// OpenTelemetry's advice for http.server.request.duration and http.client.request.duration.
inline constexpr std::array<double, 14> kDurationBounds = {
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10};

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_DURATION_BOUNDS_H_
