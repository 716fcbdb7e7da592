#ifndef UPROBED_SERVER_BASE_CLOCK_H_
#define UPROBED_SERVER_BASE_CLOCK_H_

#include <cstdint>

namespace uprobed {

// Nanoseconds since the Unix epoch (CLOCK_REALTIME).
int64_t UnixNanosNow();

// Nanoseconds of CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns().
uint64_t MonotonicNanosNow();

// Converts the kernel's monotonic timestamps to wall-clock time. The offset between the two clocks
// moves when the wall clock is set, so the owner calls Refresh() now and then.
// Thread: the owner's only.
class WallClock {
 public:
  WallClock() { Refresh(); }
  explicit WallClock(int64_t offset_ns) : offset_ns_(offset_ns) {}
  void Refresh();
  int64_t ToUnixNanos(uint64_t monotonic_ns) const {
    return static_cast<int64_t>(monotonic_ns) + offset_ns_;
  }

 private:
  int64_t offset_ns_ = 0;
};

}  // namespace uprobed

#endif  // UPROBED_SERVER_BASE_CLOCK_H_
