#ifndef UPROBED_SERVER_CONTROL_PROBE_H_
#define UPROBED_SERVER_CONTROL_PROBE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bpf/abi/counters.h"
#include "server/control/overhead_governor.h"
#include "server/control/probe_condition.h"
#include "server/store/probe_record.h"

namespace uprobed::control {

enum class ProbeState : uint8_t {
  kPending,    // stored, not yet reconciled
  kActive,     // every wanted instrumentation that the binary has is attached
  kDegraded,   // attached, but an instrumentation that was asked for is missing or a field is
               // refuted
  kWaiting,    // the binary or process is not there (any more); attached as soon as it is
  kDisabled,   // detached because the user wants it so
  kSuspended,  // detached, because its hits cost more than it may; tried again by itself
  kFailed,     // cannot be attached: `error` says why; tried again with a growing delay
};

// What the daemon sees of one probe; not stored.
struct ProbeStatus {
  ProbeState state = ProbeState::kPending;
  int64_t observed_generation = 0;
  absl::Status error;  // why kDegraded, kWaiting, kSuspended or kFailed; the first of all
  ProbeConditions conditions;
  std::string profile_id;  // of the binary attached last
  uint32_t attached_sites = 0;
  uint32_t single_stepped_sites = 0;
  uint32_t attached_binaries = 0;  // more than 1 while processes of a replaced file still run
  std::vector<uint32_t> pids;      // processes that run the attached binaries
  up_counters counters{};          // since the probe was attached first in this run of the daemon
  uint64_t spans = 0;              // delivered to the hub
  uint64_t malformed = 0;          // records refused by the decoder
  std::vector<uint32_t> slots;     // of what is attached now
  double overhead_ratio = 0;       // what its hits cost last, as a fraction of one CPU
  ThrottleLevel throttle_level = ThrottleLevel::kNone;
  ThrottleChanges throttle_changes{};
  int64_t transition_time_unix_ns = 0;  // of `state`
};

struct Probe {
  store::ProbeRecord record;
  ProbeStatus status;
  std::string etag() const { return record.uid + "-" + std::to_string(record.generation); }
};

std::string_view Name(ProbeState state);  // "active"

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_PROBE_H_
