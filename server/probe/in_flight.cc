#include "server/probe/in_flight.h"

#include <bpf/bpf.h>

#include <vector>

#include "bpf/abi/in_flight.h"

namespace uprobed::probe {
namespace {

// Programs insert and delete meanwhile: the kernel then restarts the walk, so it is bounded by the
// size of the map, and what it misses is found next time.
template <typename Key, typename Value, typename Predicate>
std::vector<Key> Collect(int map, const Predicate& wanted) {
  std::vector<Key> keys;
  Key key{};
  Value value{};
  const Key* previous = nullptr;
  for (size_t visited = 0; visited < UP_IN_FLIGHT_MAX; ++visited) {
    if (bpf_map_get_next_key(map, previous, &key) != 0) break;
    if (bpf_map_lookup_elem(map, &key, &value) == 0 && wanted(key, value)) keys.push_back(key);
    previous = &key;
  }
  return keys;
}

template <typename Key, typename Value, typename Predicate>
size_t RemoveFrom(int map, const Predicate& wanted) {
  size_t removed = 0;
  for (const Key& key : Collect<Key, Value>(map, wanted)) {
    if (bpf_map_delete_elem(map, &key) == 0) ++removed;
  }
  return removed;
}

uint32_t TgidOf(const up_in_flight_key& key, const up_in_flight_request&) { return key.tgid; }
uint32_t TgidOf(const up_context_key& key, const up_context_owner&) { return key.tgid; }
uint32_t TgidOf(uint64_t, const up_outgoing_request& value) { return value.client.tgid; }

// The number of requests removed. `wanted` takes a key and a value of each kind.
template <typename Predicate>
size_t Remove(const BpfMaps& maps, const Predicate& wanted) {
  RemoveFrom<up_context_key, up_context_owner>(maps.server_contexts, wanted);
  RemoveFrom<uint64_t, up_outgoing_request>(maps.outgoing_connections, wanted);
  return RemoveFrom<up_in_flight_key, up_in_flight_request>(maps.server_requests, wanted) +
         RemoveFrom<up_in_flight_key, up_in_flight_request>(maps.client_requests, wanted);
}

constexpr auto kAny = [](const auto&, const auto&) { return true; };

}  // namespace

size_t InFlightRequests::Count() const {
  return Collect<up_in_flight_key, up_in_flight_request>(maps_.server_requests, kAny).size() +
         Collect<up_in_flight_key, up_in_flight_request>(maps_.client_requests, kAny).size();
}

size_t InFlightRequests::CountContexts() const {
  return Collect<up_context_key, up_context_owner>(maps_.server_contexts, kAny).size();
}

size_t InFlightRequests::CountConnections() const {
  return Collect<uint64_t, up_outgoing_request>(maps_.outgoing_connections, kAny).size();
}

size_t InFlightRequests::RemoveSlot(uint32_t slot) const {
  return Remove(maps_, [slot](const auto&, const auto& value) { return value.slot == slot; });
}

size_t InFlightRequests::RemoveExited(const std::function<bool(uint32_t tgid)>& exited) const {
  return Remove(
      maps_, [&exited](const auto& key, const auto& value) { return exited(TgidOf(key, value)); });
}

}  // namespace uprobed::probe
