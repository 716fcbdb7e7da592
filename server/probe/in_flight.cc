#include "server/probe/in_flight.h"

#include <bpf/bpf.h>

#include <vector>

#include "bpf/abi/in_flight.h"

namespace uprobed::probe {
namespace {

using Predicate = std::function<bool(const up_in_flight_key&, const up_in_flight_request&)>;

// Programs insert and delete meanwhile: the kernel then restarts the walk, so it is bounded by the
// size of the map, and what it misses is found next time.
std::vector<up_in_flight_key> Collect(int map, const Predicate& wanted) {
  std::vector<up_in_flight_key> keys;
  up_in_flight_key key{};
  up_in_flight_request request{};
  const up_in_flight_key* previous = nullptr;
  for (size_t visited = 0; visited < UP_IN_FLIGHT_MAX; ++visited) {
    if (bpf_map_get_next_key(map, previous, &key) != 0) break;
    if (bpf_map_lookup_elem(map, &key, &request) == 0 && wanted(key, request)) keys.push_back(key);
    previous = &key;
  }
  return keys;
}

size_t Remove(const BpfMaps& maps, const Predicate& wanted) {
  size_t removed = 0;
  for (const int map : {maps.server_requests, maps.client_requests}) {
    for (const up_in_flight_key& key : Collect(map, wanted)) {
      if (bpf_map_delete_elem(map, &key) == 0) ++removed;
    }
  }
  return removed;
}

}  // namespace

size_t InFlightRequests::Count() const {
  const Predicate any = [](const up_in_flight_key&, const up_in_flight_request&) { return true; };
  return Collect(maps_.server_requests, any).size() + Collect(maps_.client_requests, any).size();
}

size_t InFlightRequests::RemoveSlot(uint32_t slot) const {
  return Remove(maps_, [slot](const up_in_flight_key&, const up_in_flight_request& request) {
    return request.slot == slot;
  });
}

size_t InFlightRequests::RemoveExited(const std::function<bool(uint32_t tgid)>& exited) const {
  return Remove(maps_, [&exited](const up_in_flight_key& key, const up_in_flight_request&) {
    return exited(key.tgid);
  });
}

}  // namespace uprobed::probe
