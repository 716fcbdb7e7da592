#ifndef UPROBED_SERVER_PROBE_IN_FLIGHT_SLOTS_H_
#define UPROBED_SERVER_PROBE_IN_FLIGHT_SLOTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/probe/bpf_object.h"

namespace uprobed::probe {

// How many requests are under way, by slot. Programs insert and delete meanwhile: what was there
// from the begin to the end of the count is counted, and nothing twice, unless it moved from one
// map to another. INTERNAL IN_FLIGHT_UNREADABLE.
absl::StatusOr<std::vector<uint64_t>> CountInFlightBySlot(const BpfMaps& maps);

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_IN_FLIGHT_SLOTS_H_
