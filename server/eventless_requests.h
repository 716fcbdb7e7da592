#ifndef UPROBED_SERVER_EVENTLESS_REQUESTS_H_
#define UPROBED_SERVER_EVENTLESS_REQUESTS_H_

#include "server/base/clock.h"
#include "server/control/event_directory.h"
#include "server/metrics/http_metrics.h"
#include "server/probe/libbpf_backend.h"

namespace uprobed {

// Brings the requests that the kernel has seen and made no event of (suppressed, or the ring buffer
// was full) into the metrics, to the series that their spans would be on. Thread-safe.
class EventlessRequests {
 public:
  // The references outlive it.
  EventlessRequests(const probe::LibbpfBackend& backend, control::EventDirectory& directory,
                    metrics::HttpMetrics& metrics)
      : backend_(backend), directory_(directory), metrics_(metrics) {}

  // All that there are up to now.
  void Collect();

 private:
  const probe::LibbpfBackend& backend_;
  control::EventDirectory& directory_;
  metrics::HttpMetrics& metrics_;
};

}  // namespace uprobed

#endif  // UPROBED_SERVER_EVENTLESS_REQUESTS_H_
