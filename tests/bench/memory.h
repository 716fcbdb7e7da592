#ifndef UPROBED_TESTS_BENCH_MEMORY_H_
#define UPROBED_TESTS_BENCH_MEMORY_H_

#include <sys/types.h>

namespace uprobed::bench {

// Resident memory of a process in MiB, what it is made of, and what the kernel keeps for it.
struct Memory {
  double rss = 0;
  double anonymous = 0;
  double file = 0;  // of files that are mapped: the program itself for the most part
  double shared = 0;
  double bpf_maps = 0;  // in the kernel, whether or not the process has mapped them
};
Memory ReadMemory(pid_t pid);

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_MEMORY_H_
