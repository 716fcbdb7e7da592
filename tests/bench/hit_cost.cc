#include "tests/bench/hit_cost.h"

#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "server/base/errors.h"
#include "tests/bench/empty_probes.h"
#include "tests/bench/measurement.h"

extern "C" {
void uprobed_bench_emulated();
void uprobed_bench_single_stepped();
}
#if defined(__x86_64__)
#define UPROBED_SINGLE_STEPPED "mov %rax, %rax"
#else
#define UPROBED_SINGLE_STEPPED "mov x9, x9"
#endif
__asm__(
    ".text\n"
    ".globl uprobed_bench_emulated\n"
    "uprobed_bench_emulated: nop\nret\n"
    ".globl uprobed_bench_single_stepped\n"
    "uprobed_bench_single_stepped: " UPROBED_SINGLE_STEPPED "\nret\n");

namespace uprobed::bench {
namespace {

constexpr int kHits = 20000;
constexpr int kRuns = 7;

// Where an address of this program lies in its file; 0 where it lies in none.
unsigned long FileOffsetOf(void (*function)()) {
  const auto address = reinterpret_cast<uintptr_t>(function);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    unsigned long offset = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %*s %lx", &begin, &end, &offset) ==
            3 &&
        begin <= address && address < end) {
      return offset + (address - begin);
    }
  }
  return 0;
}

// CPU time: another's turn is no part of the cost.
absl::StatusOr<double> CallNanoseconds(void (*function)()) {
  std::vector<double> runs;
  for (int run = 0; run < kRuns; ++run) {
    ASSIGN_OR_RETURN(const double begin, CpuNanoseconds(getpid()));
    for (int i = 0; i < kHits; ++i) function();
    ASSIGN_OR_RETURN(const double end, CpuNanoseconds(getpid()));
    runs.push_back((end - begin) / kHits);
  }
  return SpreadOf(std::move(runs)).median;
}

absl::StatusOr<double> Cost(void (*function)()) {
  ASSIGN_OR_RETURN(const double bare, CallNanoseconds(function));
  ASSIGN_OR_RETURN(const auto probes,
                   EmptyProbes::Attach("/proc/self/exe", {FileOffsetOf(function)}));
  ASSIGN_OR_RETURN(const double probed, CallNanoseconds(function));
  return probed - bare;
}

}  // namespace

absl::StatusOr<HitCost> MeasureHitCost() {
  HitCost cost;
  ASSIGN_OR_RETURN(cost.emulated_ns, Cost(uprobed_bench_emulated));
  ASSIGN_OR_RETURN(cost.single_stepped_ns, Cost(uprobed_bench_single_stepped));
  return cost;
}

}  // namespace uprobed::bench
