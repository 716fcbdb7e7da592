#ifndef UPROBED_SERVER_PROBE_SLOT_ALLOCATOR_H_
#define UPROBED_SERVER_PROBE_SLOT_ALLOCATOR_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace uprobed::probe {

// Hands out slot numbers, the one freed longest ago first: events of a detached binary may still be
// in the ring buffer, and must not be taken for those of the binary that gets its slot next.
// Thread-safe.
class SlotAllocator {
 public:
  explicit SlotAllocator(uint32_t count) : used_(count, false) {}

  std::optional<uint32_t> Take();  // nullopt: all are in use
  void Free(uint32_t slot);

 private:
  absl::Mutex mutex_;
  std::vector<bool> used_ ABSL_GUARDED_BY(mutex_);
  uint32_t next_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_SLOT_ALLOCATOR_H_
