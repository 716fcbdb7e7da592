#ifndef UPROBED_SERVER_PROBE_HIT_COST_METER_H_
#define UPROBED_SERVER_PROBE_HIT_COST_METER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/probe/bpf_object.h"
#include "server/probe/bpf_programs.h"
#include "server/probe/hit_costs.h"

namespace uprobed::probe {

// Finds out what a hit costs on this machine.
//
// The trap is measured once, on the daemon's own code (server/probe/trap_cost.h).
//
// The programs are measured by the kernel: it is asked to count the run time of BPF programs
// (BPF_ENABLE_STATS) for 20 ms, and what each program took meanwhile is divided by its runs. To
// read the clock in the programs themselves would cost each hit, also while nobody asks. This costs
// every BPF program of the machine two looks at the clock (about 50 ns) for 2 % of the time, and
// only while some probe is near its budget: who calls this decides. Several probes share programs,
// so that the cost of a run is the mean over all of them. A program that ran less than kMinRuns
// times keeps what was known of it. It needs CAP_SYS_ADMIN and Linux 5.8, or
// the sysctl kernel.bpf_stats_enabled; without, a cost is assumed (HitCosts::kAssumedProgramNs) and
// that is logged once.
//
// What is not seen: the caches that a trap empties, and CPUs that wait for each other inside of the
// kernel. Thread-safe.
class HitCostMeter {
 public:
  // Both outlive this.
  HitCostMeter(BpfPrograms& programs, const BpfObject& object)
      : programs_(programs), object_(object) {}

  // Waits for the 20 ms.
  HitCosts Measure();

 private:
  struct Runs {
    uint64_t count = 0;
    uint64_t ns = 0;
  };
  std::map<std::string, Runs> ReadRuns() const;
  void MeasureTraps() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MeasurePrograms() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  BpfPrograms& programs_;
  const BpfObject& object_;
  absl::Mutex mutex_;
  HitCosts costs_ ABSL_GUARDED_BY(mutex_);
  bool traps_measured_ ABSL_GUARDED_BY(mutex_) = false;
  bool programs_unknown_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_HIT_COST_METER_H_
