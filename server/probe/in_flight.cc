#include "server/probe/in_flight.h"

#include <bpf/bpf.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <vector>

#include "bpf/abi/in_flight.h"
#include "server/base/errors.h"
#include "server/probe/context_table.h"

namespace uprobed::probe {
namespace {

// A worker may still be at what is too old to have a parent, and must not be taken for one that has
// received nothing yet (bpf/channel.h, receive).
constexpr uint64_t kHandoffsKeptNs = 2 * UP_HANDOFF_NS;

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

// What a context is known by, as far as it matters here.
struct ContextKey {
  uint32_t tgid;
};

uint32_t TgidOf(const ContextKey& key, const up_context&) { return key.tgid; }
uint32_t TgidOf(const up_in_flight_key& key, const up_in_flight_request&) { return key.tgid; }
uint32_t TgidOf(const up_in_flight_key& key, const up_route&) { return key.tgid; }
uint32_t TgidOf(const up_in_flight_key& key, const up_trace_state&) { return key.tgid; }
uint32_t TgidOf(uint64_t, const up_outgoing_request& value) { return value.client.tgid; }
uint32_t TgidOf(const up_address_key& key, const up_http2_attempt&) { return key.tgid; }
uint32_t TgidOf(const up_address_key& key, const up_outgoing_headers&) { return key.tgid; }
uint32_t TgidOf(const up_in_flight_key& key, const up_origin&) { return key.tgid; }
uint32_t TgidOf(const up_address_key& key, const up_origin&) { return key.tgid; }
uint32_t TgidOf(const up_address_key& key, const up_http_record&) { return key.tgid; }

const up_origin& OriginOf(const up_origin& origin) { return origin; }
const up_origin& OriginOf(const up_timer_function& timer) { return timer.origin; }
const up_origin& OriginOf(const up_select_receive& received) { return received.origin; }

template <typename Predicate>
size_t RemoveHandoffs(const BpfMaps& maps, const Predicate& wanted) {
  return RemoveFrom<up_in_flight_key, up_origin>(maps.goroutine_origins, wanted) +
         RemoveFrom<up_address_key, up_origin>(maps.sent_elements, wanted) +
         RemoveFrom<up_address_key, up_timer_function>(maps.timer_functions, wanted) +
         RemoveFrom<up_in_flight_key, up_select_receive>(maps.select_receives, wanted);
}

uint32_t SlotOf(const up_in_flight_request& request) { return request.slot; }
uint32_t SlotOf(const up_client_body& body) { return body.record.slot; }

// What is gone already when its turn comes has ended, or was removed and counted by another.
template <typename Key, typename Value, typename Predicate>
void RemoveRequests(int map, const Predicate& wanted,
                    const InFlightRequests::OnRequest& on_request) {
  std::vector<uint32_t> slots;
  const std::vector<Key> keys = Collect<Key, Value>(map, [&](const Key& key, const Value& value) {
    const bool is_wanted = wanted(key, value);
    if (is_wanted) slots.push_back(SlotOf(value));
    return is_wanted;
  });
  for (size_t i = 0; i < keys.size(); ++i) {
    if (bpf_map_delete_elem(map, &keys[i]) == 0) on_request(slots[i]);
  }
}

// What is not removed leads nowhere, because a request that is found is asked whose it is; it only
// takes room.
template <typename Predicate>
void RemoveContexts(const BpfMaps& maps, const Predicate& wanted) {
  const absl::StatusOr<ContextTable> contexts = ContextTable::Map(maps.server_contexts);
  if (!contexts.ok()) {
    spdlog::warn("contexts of requests that are gone stay: {}", MessageOf(contexts.status()));
    return;
  }
  contexts->RemoveIf(
      [&wanted](const up_context& entry) { return wanted(ContextKey{entry.tgid}, entry); });
}

// An entry may wait for a request, too, and is of none then.
template <typename Predicate>
void RemoveServed(const BpfMaps& maps, const Predicate& wanted,
                  const InFlightRequests::OnRequest& on_request) {
  for (const up_in_flight_key& key :
       Collect<up_in_flight_key, up_in_flight_request>(maps.server_requests, wanted)) {
    up_in_flight_request request{};
    if (bpf_map_lookup_and_delete_elem(maps.server_requests, &key, &request) != 0) continue;
    if (request.kept != UP_KEPT_NO) std::atomic_ref<uint64_t>(*maps.kept_requests).fetch_sub(1);
    if (request.kept != UP_KEPT_IDLE) on_request(request.slot);
  }
}

// `wanted` takes a key and a value of each kind.
template <typename Predicate>
void Remove(const BpfMaps& maps, const Predicate& wanted,
            const InFlightRequests::OnRequest& on_request) {
  RemoveContexts(maps, wanted);
  RemoveFrom<up_in_flight_key, up_route>(maps.server_routes, wanted);
  RemoveFrom<up_in_flight_key, up_trace_state>(maps.trace_states, wanted);
  RemoveFrom<uint64_t, up_outgoing_request>(maps.outgoing_connections, wanted);
  RemoveFrom<up_address_key, up_http2_attempt>(maps.http2_attempts, wanted);
  RemoveFrom<up_address_key, up_outgoing_headers>(maps.outgoing_headers, wanted);
  RemoveHandoffs(
      maps, [&wanted](const auto& key, const auto& value) { return wanted(key, OriginOf(value)); });
  RemoveRequests<up_address_key, up_client_body>(
      maps.client_bodies,
      [&wanted](const auto& key, const auto& value) { return wanted(key, value.record); },
      on_request);
  RemoveServed(maps, wanted, on_request);
  for (const int map : {maps.client_requests, maps.grpc_client_requests}) {
    RemoveRequests<up_in_flight_key, up_in_flight_request>(map, wanted, on_request);
  }
}

constexpr auto kAny = [](const auto&, const auto&) { return true; };
constexpr auto kServed = [](const up_in_flight_key&, const up_in_flight_request& request) {
  return request.kept != UP_KEPT_IDLE;
};

}  // namespace

size_t InFlightRequests::Count() const {
  return Collect<up_address_key, up_client_body>(maps_.client_bodies, kAny).size() +
         Collect<up_in_flight_key, up_in_flight_request>(maps_.server_requests, kServed).size() +
         Collect<up_in_flight_key, up_in_flight_request>(maps_.client_requests, kAny).size() +
         Collect<up_in_flight_key, up_in_flight_request>(maps_.grpc_client_requests, kAny).size();
}

size_t InFlightRequests::CountContexts() const {
  const absl::StatusOr<ContextTable> contexts = ContextTable::Map(maps_.server_contexts);
  if (!contexts.ok()) {
    spdlog::warn("contexts are not counted: {}", MessageOf(contexts.status()));
    return 0;
  }
  const size_t of_requests =
      contexts->CountIf([](const up_context& entry) { return entry.is_connection == 0; });
  const auto by_connection = Collect<up_in_flight_key, up_in_flight_request>(
      maps_.server_requests, [](const up_in_flight_key&, const up_in_flight_request& request) {
        return request.kept == UP_KEPT_SERVING && request.connection_context != 0;
      });
  return of_requests + by_connection.size();
}

size_t InFlightRequests::CountRoutes() const {
  return Collect<up_in_flight_key, up_route>(maps_.server_routes, kAny).size();
}

size_t InFlightRequests::CountTraceStates() const {
  return Collect<up_in_flight_key, up_trace_state>(maps_.trace_states, kAny).size();
}

size_t InFlightRequests::CountConnections() const {
  return Collect<uint64_t, up_outgoing_request>(maps_.outgoing_connections, kAny).size() +
         Collect<up_address_key, up_http2_attempt>(maps_.http2_attempts, kAny).size();
}

size_t InFlightRequests::CountHeaders() const {
  return Collect<up_address_key, up_outgoing_headers>(maps_.outgoing_headers, kAny).size();
}

size_t InFlightRequests::CountHandoffs() const {
  return Collect<up_in_flight_key, up_origin>(maps_.goroutine_origins, kAny).size() +
         Collect<up_address_key, up_origin>(maps_.sent_elements, kAny).size() +
         Collect<up_address_key, up_timer_function>(maps_.timer_functions, kAny).size() +
         Collect<up_in_flight_key, up_select_receive>(maps_.select_receives, kAny).size();
}

size_t InFlightRequests::RemoveOldHandoffs(uint64_t now_ns) const {
  const auto is_served = [this](const up_origin& origin, uint32_t tgid) {
    const up_in_flight_key key{.goroutine = origin.goroutine, .tgid = tgid, .reserved = 0};
    up_in_flight_request request{};
    return bpf_map_lookup_elem(maps_.server_requests, &key, &request) == 0 &&
           request.kept != UP_KEPT_IDLE &&
           std::equal(std::begin(origin.span_id), std::end(origin.span_id), request.span_id);
  };
  const auto is_old = [&](const auto& key, const up_origin& origin) {
    return now_ns > origin.since_ns + kHandoffsKeptNs && !is_served(origin, key.tgid);
  };
  // A timer is forgotten when it fires or is stopped, however late that is.
  return RemoveFrom<up_in_flight_key, up_origin>(maps_.goroutine_origins, is_old) +
         RemoveFrom<up_address_key, up_origin>(maps_.sent_elements, is_old);
}

void InFlightRequests::RemoveSlot(uint32_t slot, const OnRequest& on_request) const {
  Remove(
      maps_, [slot](const auto&, const auto& value) { return value.slot == slot; }, on_request);
}

void InFlightRequests::RemoveExited(const std::function<bool(uint32_t tgid)>& exited,
                                    const OnRequest& on_request) const {
  RemoveFrom<up_in_flight_key, up_address_key>(
      maps_.failed_bodies, [&exited](const auto& key, const auto&) { return exited(key.tgid); });
  Remove(
      maps_, [&exited](const auto& key, const auto& value) { return exited(TgidOf(key, value)); },
      on_request);
}

}  // namespace uprobed::probe
