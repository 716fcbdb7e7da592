#include "server/probe/forgotten_requests.h"

#include "bpf/abi/profile_slot.h"
#include "server/probe/in_flight.h"

namespace uprobed::probe {

ForgottenRequests::ForgottenRequests(const BpfMaps& maps) : maps_(maps), counts_(UP_MAX_SLOTS) {}

void ForgottenRequests::Reset(uint32_t slot) {
  counts_[slot].exited.store(0, std::memory_order_relaxed);
  counts_[slot].detached.store(0, std::memory_order_relaxed);
}

void ForgottenRequests::ForgetSlot(uint32_t slot) {
  const absl::MutexLock lock(&removal_mutex_);
  InFlightRequests(maps_).RemoveSlot(
      slot, [this](uint32_t of) { counts_[of].detached.fetch_add(1, std::memory_order_relaxed); });
}

size_t ForgottenRequests::ForgetExited(const std::function<bool(uint32_t tgid)>& exited) {
  if (!removal_mutex_.TryLock()) return 0;
  size_t forgotten = 0;
  InFlightRequests(maps_).RemoveExited(exited, [this, &forgotten](uint32_t of) {
    if (of < counts_.size()) counts_[of].exited.fetch_add(1, std::memory_order_relaxed);
    ++forgotten;
  });
  removal_mutex_.Unlock();
  return forgotten;
}

void ForgottenRequests::AddTo(uint32_t slot, up_counters& counters) const {
  counters.value[UP_COUNTER_LOST_PROCESS_EXITED] +=
      counts_[slot].exited.load(std::memory_order_relaxed);
  counters.value[UP_COUNTER_LOST_DETACHED] +=
      counts_[slot].detached.load(std::memory_order_relaxed);
}

}  // namespace uprobed::probe
