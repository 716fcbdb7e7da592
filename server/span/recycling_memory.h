#ifndef UPROBED_SERVER_SPAN_RECYCLING_MEMORY_H_
#define UPROBED_SERVER_SPAN_RECYCLING_MEMORY_H_

#include <array>
#include <cstddef>
#include <memory_resource>

namespace uprobed::span {

// Memory of small things that come and go with each request: what is freed is given to the next of
// its size, and goes back to the system only with the whole. Thread: the owner's only.
class RecyclingMemory : public std::pmr::memory_resource {
 private:
  struct Free {
    Free* next = nullptr;
  };
  static constexpr size_t kGranuleBytes = alignof(std::max_align_t);
  static constexpr size_t kMaxGranules = 32;

  static size_t GranulesOf(size_t bytes) { return (bytes + kGranuleBytes - 1) / kGranuleBytes; }
  static bool IsSmall(size_t bytes, size_t alignment) {
    return bytes > 0 && GranulesOf(bytes) <= kMaxGranules && alignment <= kGranuleBytes;
  }

  void* do_allocate(size_t bytes, size_t alignment) override {
    if (!IsSmall(bytes, alignment)) return chunks_.upstream_resource()->allocate(bytes, alignment);
    const size_t granules = GranulesOf(bytes);
    Free*& free = free_[granules - 1];
    if (free == nullptr) return chunks_.allocate(granules * kGranuleBytes, kGranuleBytes);
    Free* const taken = free;
    free = taken->next;
    return taken;
  }
  void do_deallocate(void* memory, size_t bytes, size_t alignment) override {
    if (!IsSmall(bytes, alignment)) {
      chunks_.upstream_resource()->deallocate(memory, bytes, alignment);
      return;
    }
    Free*& free = free_[GranulesOf(bytes) - 1];
    free = new (memory) Free{free};
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  std::array<Free*, kMaxGranules> free_{};
  std::pmr::monotonic_buffer_resource chunks_;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_RECYCLING_MEMORY_H_
