#include "server/probe/in_flight_slots.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstddef>
#include <utility>

#include "bpf/abi/in_flight.h"
#include "bpf/abi/profile_slot.h"
#include "server/base/errors.h"

namespace uprobed::probe {
namespace {

// The kernel gives out whole buckets, of which each has about one entry.
constexpr uint32_t kBatchEntries = 1024;

uint32_t SlotOfEntry(const up_in_flight_request& request) { return request.slot; }
bool IsInFlight(const up_in_flight_request& request) { return request.kept != UP_KEPT_IDLE; }

uint32_t SlotOfEntry(const up_client_body& body) { return body.record.slot; }
bool IsInFlight(const up_client_body& /*body*/) { return true; }

// By buckets, not from key to key: where a key is deleted meanwhile the walk by keys begins anew,
// and then counts twice and ends early.
template <typename Key, typename Value>
absl::Status AddSlots(int map, std::vector<uint64_t>& counts) {
  std::vector<Key> keys(kBatchEntries);
  std::vector<Value> values(kBatchEntries);
  uint32_t position = 0;
  bool is_last = false;
  for (bool is_first = true; !is_last; is_first = false) {
    uint32_t count = kBatchEntries;
    const int result = bpf_map_lookup_batch(map, is_first ? nullptr : &position, &position,
                                            keys.data(), values.data(), &count, nullptr);
    is_last = result != 0;
    if (is_last && errno != ENOENT) {
      return MakeErrnoError(errno, "IN_FLIGHT_UNREADABLE", "cannot read a BPF map");
    }
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t slot = SlotOfEntry(values[i]);
      if (IsInFlight(values[i]) && slot < counts.size()) ++counts[slot];
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<uint64_t>> CountInFlightBySlot(const BpfMaps& maps) {
  std::vector<uint64_t> counts(UP_MAX_SLOTS);
  for (const int map : {maps.server_requests, maps.client_requests, maps.grpc_client_requests}) {
    if (absl::Status added = AddSlots<up_in_flight_key, up_in_flight_request>(map, counts);
        !added.ok()) {
      return added;
    }
  }
  if (absl::Status added = AddSlots<up_address_key, up_client_body>(maps.client_bodies, counts);
      !added.ok()) {
    return added;
  }
  return counts;
}

}  // namespace uprobed::probe
