#ifndef UPROBED_SERVER_PROBE_HIT_COSTS_H_
#define UPROBED_SERVER_PROBE_HIT_COSTS_H_

#include <array>
#include <bitset>

#include "bpf/abi/counters.h"
#include "server/profile/profile.h"

namespace uprobed::probe {

// What the kernel does around a program: the breakpoint, and executing the instruction that it
// replaces. Until it is measured, what was measured on a virtual machine with
// Linux 6.18, where traps are dear.
struct TrapCosts {
  double emulated_ns = 420;
  double single_stepped_ns = 15'900;
  bool operator==(const TrapCosts&) const = default;
};

// What one hit costs the program that is probed: a trap and the run of a BPF program.
struct HitCosts {
  // Until it is measured: the mean of start and end of a request that is served, all spans sent, on
  // the virtual machine of docs/performance.md ("Limiting spans").
  static constexpr double kAssumedProgramNs = 1600;
  static constexpr std::array<double, UP_COUNTER_COUNT> Assumed() {
    std::array<double, UP_COUNTER_COUNT> programs{};
    programs.fill(kAssumedProgramNs);
    return programs;
  }

  TrapCosts trap;
  // By the counter of the hits; means nothing for other counters.
  std::array<double, UP_COUNTER_COUNT> program_ns = Assumed();
};

// The counters of hits that may be of single-stepped sites.
using SingleSteppedHits = std::bitset<UP_COUNTER_COUNT>;
SingleSteppedHits SingleSteppedHitsOf(const profile::Profile& profile);

// Hits by any process, those out of the probe's scope included.
double HitsOf(const up_counters& counters);
// What these hits cost together. Where one kind of site is single-stepped in one place and emulated
// in another, all of its hits are taken for single-stepped: rather too much than too little.
double CostNs(const up_counters& counters, const SingleSteppedHits& single_stepped,
              const HitCosts& costs);

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_HIT_COSTS_H_
