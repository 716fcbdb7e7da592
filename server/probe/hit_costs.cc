#include "server/probe/hit_costs.h"

#include "server/probe/site_program.h"

namespace uprobed::probe {
namespace {

// Whether each counter is one of hits: only those say how often the kernel ran a program.
const SingleSteppedHits& HitCounters() {
  static const SingleSteppedHits counters = [] {
    SingleSteppedHits hits;
    for (const profile::SiteKind kind : profile::AllSiteKinds()) {
      const SiteProgram program = ProgramOf(kind);
      if (program.name != nullptr) hits.set(program.hits);
    }
    return hits;
  }();
  return counters;
}

}  // namespace

SingleSteppedHits SingleSteppedHitsOf(const profile::Profile& profile) {
  SingleSteppedHits hits;
  for (const profile::Site& site : profile.sites) {
    const SiteProgram program = ProgramOf(site.kind);
    if (program.name == nullptr || site.cost != profile::CostClass::kSingleStepped) continue;
    hits.set(program.hits);
    // Which of its sites a process hits that is out of scope is not told.
    hits.set(UP_COUNTER_OUT_OF_SCOPE);
  }
  return hits;
}

double HitsOf(const up_counters& counters) {
  auto hits = static_cast<double>(counters.value[UP_COUNTER_OUT_OF_SCOPE]);
  for (size_t i = 0; i < UP_COUNTER_COUNT; ++i) {
    if (HitCounters()[i]) hits += static_cast<double>(counters.value[i]);
  }
  return hits;
}

double CostNs(const up_counters& counters, const SingleSteppedHits& single_stepped,
              const HitCosts& costs) {
  double cost = 0;
  for (size_t i = 0; i < UP_COUNTER_COUNT; ++i) {
    // A program that is out of scope ends at once: its trap is all that counts.
    if (!HitCounters()[i] && i != UP_COUNTER_OUT_OF_SCOPE) continue;
    const double trap = single_stepped[i] ? costs.trap.single_stepped_ns : costs.trap.emulated_ns;
    const double program = i == UP_COUNTER_OUT_OF_SCOPE ? 0 : costs.program_ns[i];
    cost += static_cast<double>(counters.value[i]) * (trap + program);
  }
  return cost;
}

}  // namespace uprobed::probe
