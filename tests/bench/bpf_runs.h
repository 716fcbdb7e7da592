#ifndef UPROBED_TESTS_BENCH_BPF_RUNS_H_
#define UPROBED_TESTS_BENCH_BPF_RUNS_H_

#include <sys/types.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"

namespace uprobed::bench {

// What the BPF programs that a process holds have run since they were loaded, as far as the kernel
// counted it: it does while a BpfStatistics exists.
struct BpfRuns {
  uint64_t count = 0;
  uint64_t nanoseconds = 0;
};
BpfRuns ReadBpfRuns(pid_t holder);

// Makes the kernel count, which costs each run of each program on the machine two reads of a clock:
// never while something else is measured.
class BpfStatistics {
 public:
  static absl::StatusOr<BpfStatistics> Enable();

 private:
  explicit BpfStatistics(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_BPF_RUNS_H_
