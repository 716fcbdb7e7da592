#ifndef UPROBED_TESTS_BENCH_ALLOCATIONS_H_
#define UPROBED_TESTS_BENCH_ALLOCATIONS_H_

#include <cstdint>

namespace uprobed::bench {

// Calls of malloc, calloc and realloc of the whole process, whoever makes them: linking
// allocations.cc puts its own in front of the C library's.
uint64_t Allocations();

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_ALLOCATIONS_H_
