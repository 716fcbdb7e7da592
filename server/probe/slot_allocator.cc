#include "server/probe/slot_allocator.h"

namespace uprobed::probe {

std::optional<uint32_t> SlotAllocator::Take() {
  absl::MutexLock lock(&mutex_);
  const auto count = static_cast<uint32_t>(used_.size());
  for (uint32_t tried = 0; tried < count; ++tried) {
    const uint32_t slot = next_;
    next_ = (next_ + 1) % count;
    if (!used_[slot]) {
      used_[slot] = true;
      return slot;
    }
  }
  return std::nullopt;
}

void SlotAllocator::Free(uint32_t slot) {
  absl::MutexLock lock(&mutex_);
  used_[slot] = false;
}

}  // namespace uprobed::probe
