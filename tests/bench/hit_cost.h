#ifndef UPROBED_TESTS_BENCH_HIT_COST_H_
#define UPROBED_TESTS_BENCH_HIT_COST_H_

#include "absl/status/statusor.h"

namespace uprobed::bench {

// What a hit costs that runs an empty program, in nanoseconds, in a loop of this process: less than
// in a program whose caches are full of other things, and without noise.
struct HitCost {
  double emulated_ns = 0;
  double single_stepped_ns = 0;
};
absl::StatusOr<HitCost> MeasureHitCost();

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_HIT_COST_H_
