#ifndef UPROBED_SERVER_SPAN_PENDING_CALLS_H_
#define UPROBED_SERVER_SPAN_PENDING_CALLS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory_resource>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "server/span/edge.h"
#include "server/span/recycling_memory.h"
#include "server/span/span.h"
#include "server/span/span_id_map.h"

namespace uprobed::span {

// A client span that waits for its function's name, its callee's, or both.
struct PendingCall {
  // What is called, of which depends how long it may take to be heard of.
  enum class Callee : uint8_t { kAddress, kService };

  uint64_t id = 0;
  Call call{};
  std::optional<SpanId> server_span_id{};       // waits for this one's function
  std::optional<int64_t> callee_deadline_ns{};  // waits for the callee until then
  Callee callee = Callee::kAddress;
  int64_t arrival_ns = 0;

  bool is_complete() const {
    return !server_span_id.has_value() && !callee_deadline_ns.has_value();
  }
};

// Client spans by what they wait for, and by age. Thread: the owner's only.
class PendingCalls {
 public:
  size_t size() const { return by_id_.size(); }
  // nullptr: it does not wait any more.
  PendingCall* Find(uint64_t id);
  PendingCall* Oldest();  // nullptr: none waits
  // That whose callee is to be given up first; nullptr: none waits for its callee.
  PendingCall* EarliestDeadline();

  // Ids and arrivals ascend, and so do the deadlines of each kind of callee.
  void Add(PendingCall pending);
  // The oldest one that waits for the server span, which it then does no longer; nullptr: none.
  PendingCall* TakeCallOf(const SpanId& server_span_id);
  void EndWaitForCallee(PendingCall& pending);
  // `pending` waits for nothing.
  void Remove(const PendingCall& pending);

 private:
  struct Entry;
  using DeadlineQueue = std::pmr::list<Entry*>;
  struct Entry : PendingCall {
    Entry* next_of_server = nullptr;
    DeadlineQueue::iterator in_queue{};
  };
  // Those of one server span, which are chained, the oldest first.
  struct Chain {
    Entry* first = nullptr;
    Entry* last = nullptr;
  };
  using Entries = std::pmr::list<Entry>;

  DeadlineQueue& QueueOf(const PendingCall& pending) {
    return queues_[static_cast<size_t>(pending.callee)];
  }

  RecyclingMemory memory_;
  Entries entries_{&memory_};  // oldest first
  absl::flat_hash_map<uint64_t, Entries::iterator> by_id_;
  MapBySpanId<Chain> by_server_;
  // Those that wait for a callee, by kind of callee: of each the first has the earliest deadline.
  std::array<DeadlineQueue, 2> queues_{DeadlineQueue(&memory_), DeadlineQueue(&memory_)};
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_PENDING_CALLS_H_
