#ifndef UPROBED_SERVER_METRICS_EVENT_LOOP_STATS_H_
#define UPROBED_SERVER_METRICS_EVENT_LOOP_STATS_H_

#include <cstdint>

namespace uprobed::metrics {

// What the loop that reads the ring buffer did since the daemon started.
struct EventLoopStats {
  uint64_t events = 0;         // records read
  uint64_t decode_errors = 0;  // records that were refused as malformed
  uint64_t unknown_slots = 0;  // events of a slot that no probe was bound to
};

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_EVENT_LOOP_STATS_H_
