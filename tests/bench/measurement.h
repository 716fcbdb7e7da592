#ifndef UPROBED_TESTS_BENCH_MEASUREMENT_H_
#define UPROBED_TESTS_BENCH_MEASUREMENT_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace uprobed::bench {

// Of several measurements of the same: the middle half lies between low and high.
struct Spread {
  double median = 0;
  double low = 0;
  double high = 0;
};
Spread SpreadOf(std::vector<double> values);

// CPU time of a process with all its threads, those that have ended too, in nanoseconds. It is the
// kernel's sum of what the scheduler measured, and so exact; utime and stime in /proc count ticks
// of 10 ms, and the schedstat of each task forgets those that ended. What the kernel does for the
// process in its traps is part of it, which is what a probe costs.
absl::StatusOr<double> CpuNanoseconds(pid_t pid);

double MillisecondsSince(std::chrono::steady_clock::time_point begin);

// What a load generator says of what it did.
struct Load {
  double requests = 0;
  double seconds = 0;
  double p50_us = 0;
  double p99_us = 0;

  double per_second() const { return seconds > 0 ? requests / seconds : 0; }
};
// Runs a program that prints a Load as JSON, to its end.
absl::StatusOr<Load> RunLoad(const std::vector<std::string>& command);

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_MEASUREMENT_H_
