#ifndef UPROBED_TESTS_BENCH_OVERHEAD_SCENARIO_H_
#define UPROBED_TESTS_BENCH_OVERHEAD_SCENARIO_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/daemon_under_test.h"
#include "tests/bench/measurement.h"
#include "tests/bench/report.h"

namespace uprobed::bench {

inline constexpr char kHello[] = "hello";
inline constexpr char kWork[] = "work-10us";
inline constexpr char kJson[] = "json-1ms";

// A server and who asks it.
struct Scenario {
  std::string name;
  std::string title;
  std::vector<std::string> server;  // the program and its arguments; prints its address
  // The command that asks for so many seconds.
  std::function<std::vector<std::string>(const std::string& address, double seconds)> load;
  bool grpc = false;
};

// Of the programs in build/targets; `folder` gets the copy of one. A program that is not there is
// told on standard error.
std::vector<Scenario> Scenarios(const std::string& folder);

// Of one state, compared with the bare server around it.
struct Result {
  Spread throughput;  // of that of the bare server
  Spread added_us;    // CPU time of the server, per request
  // The median of that, of what empty hits add, and of what the peers' placement adds; nullopt
  // where that cannot be told from nothing.
  std::optional<double> added_of_empty;
  std::optional<double> added_of_peers;
  Spread p50_us;
  Spread p99_us;
  Spread daemon_us;  // CPU time of the daemon, per request
  double hits_per_request = 0;
  double nanoseconds_per_hit = 0;  // in the BPF program
};
using Results = std::map<std::string, Result>;  // by name of state

// Measures all states, prints them and adds them to the report.
absl::StatusOr<Results> MeasureScenario(const Scenario& scenario, DaemonUnderTest& daemon,
                                        bool quick, Report& report);

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_OVERHEAD_SCENARIO_H_
