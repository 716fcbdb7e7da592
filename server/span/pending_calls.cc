#include "server/span/pending_calls.h"

#include <tuple>
#include <utility>

namespace uprobed::span {

PendingCall* PendingCalls::Find(uint64_t id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &*found->second;
}

PendingCall* PendingCalls::Oldest() { return entries_.empty() ? nullptr : &entries_.front(); }

PendingCall* PendingCalls::EarliestDeadline() {
  PendingCall* earliest = nullptr;
  const auto order = [](const PendingCall& pending) {
    return std::tuple(pending.callee_deadline_ns, pending.id);
  };
  for (const DeadlineQueue& queue : queues_) {
    if (queue.empty()) continue;
    PendingCall& first = *queue.front();
    if (earliest == nullptr || order(first) < order(*earliest)) earliest = &first;
  }
  return earliest;
}

void PendingCalls::Add(PendingCall pending) {
  const auto added = entries_.insert(entries_.end(), Entry{std::move(pending)});
  const PendingCall& kept = *added;
  by_id_.emplace(kept.id, added);
  if (kept.server_span_id.has_value()) {
    Chain& chain = by_server_[*kept.server_span_id];
    (chain.first == nullptr ? chain.first : chain.last->next_of_server) = &*added;
    chain.last = &*added;
  }
  if (kept.callee_deadline_ns.has_value()) {
    DeadlineQueue& queue = QueueOf(kept);
    added->in_queue = queue.insert(queue.end(), &*added);
  }
}

PendingCall* PendingCalls::TakeCallOf(const SpanId& server_span_id) {
  const auto chain = by_server_.find(server_span_id);
  if (chain == by_server_.end()) return nullptr;
  Entry* const taken = chain->second.first;
  chain->second.first = taken->next_of_server;
  if (taken->next_of_server == nullptr) by_server_.erase(chain);
  taken->next_of_server = nullptr;
  taken->server_span_id.reset();
  return taken;
}

void PendingCalls::EndWaitForCallee(PendingCall& pending) {
  if (!pending.callee_deadline_ns.has_value()) return;
  QueueOf(pending).erase(static_cast<Entry&>(pending).in_queue);
  pending.callee_deadline_ns.reset();
}

void PendingCalls::Remove(const PendingCall& pending) {
  const auto found = by_id_.find(pending.id);
  const Entries::iterator entry = found->second;
  by_id_.erase(found);
  entries_.erase(entry);
}

}  // namespace uprobed::span
