#include "tests/bench/allocations.h"

#include <atomic>
#include <cstddef>

// The C library's own, which it exports for those who define malloc themselves (malloc/malloc.c).
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void __libc_free(void* memory);
}

namespace {

std::atomic<uint64_t> allocation_count = 0;

void CountAllocation() { allocation_count.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

extern "C" void* malloc(size_t size) {
  CountAllocation();
  return __libc_malloc(size);
}

extern "C" void* calloc(size_t count, size_t size) {
  CountAllocation();
  return __libc_calloc(count, size);
}

extern "C" void* realloc(void* memory, size_t size) {
  CountAllocation();
  return __libc_realloc(memory, size);
}

extern "C" void free(void* memory) { __libc_free(memory); }

namespace uprobed::bench {

uint64_t Allocations() { return allocation_count.load(std::memory_order_relaxed); }

}  // namespace uprobed::bench
