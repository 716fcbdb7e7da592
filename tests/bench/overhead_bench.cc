// Prints what it costs Go servers to be observed, through a daemon as users have it: each state of
// the server is measured between two measurements of the bare one, so that what else the machine
// does at that moment is in both. Figures are for comparison within the run only.
//
// overhead_bench [--quick] [--json FILE] [SCENARIO...]
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "server/base/errors.h"
#include "tests/bench/hit_cost.h"
#include "tests/bench/overhead_scenario.h"
#include "tests/bench/overhead_states.h"
#include "tests/bench/report.h"
#include "tests/support/temp_dir.h"

namespace uprobed::bench {
namespace {

constexpr double kMaxOfEmptyHits = 2.5;
constexpr double kMaxOfPeers = 1.0 / 50;
constexpr double kMinThroughputShort = 0.85;
constexpr double kMinThroughputLong = 0.98;

void AddTargets(const std::string& scenario, const Results& results, Report& report) {
  const auto found = results.find(kServerState);
  if (found == results.end()) return;
  const Result& ours = found->second;
  if (scenario == kHello) {
    // What cannot be told apart from noise has met no target.
    constexpr double kNotTold = 1e9;
    report.AddTargetAtMost("overhead: server span on hello, added CPU of that of empty hits",
                           ours.added_of_empty.value_or(kNotTold), kMaxOfEmptyHits);
    report.AddTargetAtMost("overhead: server span on hello, added CPU of that of the peers",
                           ours.added_of_peers.value_or(kNotTold), kMaxOfPeers);
  } else if (scenario == kWork) {
    report.AddTargetAtLeast("overhead: throughput of a handler of 10 us, of bare",
                            ours.throughput.median, kMinThroughputShort);
  } else if (scenario == kJson) {
    report.AddTargetAtLeast("overhead: throughput of a handler of 1 ms, of bare",
                            ours.throughput.median, kMinThroughputLong);
  }
}

absl::Status Run(const Arguments& arguments) {
  const testing::TempDir folder;
  ASSIGN_OR_RETURN(const std::unique_ptr<DaemonUnderTest> daemon,
                   DaemonUnderTest::Start(folder.path().string()));
  Report report;
  ASSIGN_OR_RETURN(const HitCost cost, MeasureHitCost());
  fmt::print("an empty hit in a loop: {:.0f} ns emulated, {:.0f} ns single-stepped\n",
             cost.emulated_ns, cost.single_stepped_ns);
  Report::Row row = report.Add("an empty hit in a loop");
  row.Set("emulated_ns", cost.emulated_ns);
  row.Set("single_stepped_ns", cost.single_stepped_ns);
  for (const Scenario& scenario : Scenarios(folder.path().string())) {
    if (!arguments.words.empty() && std::find(arguments.words.begin(), arguments.words.end(),
                                              scenario.name) == arguments.words.end()) {
      continue;
    }
    ASSIGN_OR_RETURN(const Results results,
                     MeasureScenario(scenario, *daemon, arguments.quick, report));
    AddTargets(scenario.name, results, report);
  }
  return report.Write(arguments.json_path);
}

}  // namespace
}  // namespace uprobed::bench

int main(int count, char** values) {
  const absl::Status status = uprobed::bench::Run(uprobed::bench::ParseArguments(count, values));
  if (status.ok()) return 0;
  std::fprintf(stderr, "overhead_bench: %s\n", uprobed::MessageOf(status).c_str());
  return 1;
}
