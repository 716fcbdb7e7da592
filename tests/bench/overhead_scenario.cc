#include "tests/bench/overhead_scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "server/base/errors.h"
#include "tests/bench/bpf_runs.h"
#include "tests/bench/overhead_states.h"
#include "tests/support/child_process.h"

namespace uprobed::bench {
namespace {

// Many short rounds rather than few long ones: what else the machine does changes within seconds.
constexpr double kSeconds = 0.3;
constexpr int kRounds = 9;
constexpr int kRoundsForCpuTime = 25;
constexpr int kQuickRounds = 3;

struct Sample {
  Load load;
  double cpu_us = 0;         // of the server, per request
  double daemon_cpu_us = 0;  // per request
};

// A state and the mean of the bare server before and after it.
struct Pair {
  Sample state;
  double bare_per_second = 0;
  double bare_cpu_us = 0;

  double added_us() const { return state.cpu_us - bare_cpu_us; }
};

class ScenarioRun {
 public:
  ScenarioRun(const Scenario& scenario, DaemonUnderTest& daemon)
      : scenario_(scenario), daemon_(daemon) {}

  absl::Status Start() {
    server_ = testing::ChildProcess::Start(scenario_.server);
    if (!server_.has_value()) {
      return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED",
                       "cannot start " + scenario_.server[0]);
    }
    const std::string line = server_->ReadLine();
    address_ = line.substr(line.rfind(' ') + 1);
    return Measure().status();  // the first requests are slower
  }

  absl::Status Round(const std::vector<State>& states) {
    ASSIGN_OR_RETURN(Sample before, Measure());
    for (const State& state : states) {
      Pair pair;
      {
        ASSIGN_OR_RETURN(const auto applied,
                         AppliedState::Apply(state, scenario_.server[0], daemon_));
        ASSIGN_OR_RETURN(pair.state, Measure());
      }
      ASSIGN_OR_RETURN(const Sample after, Measure());
      pair.bare_per_second = (before.load.per_second() + after.load.per_second()) / 2;
      pair.bare_cpu_us = (before.cpu_us + after.cpu_us) / 2;
      pairs_[state.name].push_back(pair);
      bare_.push_back(before);
      before = after;
    }
    return absl::OkStatus();
  }

  // Apart from all else, for the counting is felt.
  absl::Status CountHits(const State& state, Result& result) {
    ASSIGN_OR_RETURN(const auto applied, AppliedState::Apply(state, scenario_.server[0], daemon_));
    ASSIGN_OR_RETURN(const BpfStatistics statistics, BpfStatistics::Enable());
    const BpfRuns before = ReadBpfRuns(applied->holder());
    ASSIGN_OR_RETURN(const Sample sample, Measure());
    const BpfRuns after = ReadBpfRuns(applied->holder());
    const auto hits = static_cast<double>(after.count - before.count);
    result.hits_per_request = hits / sample.load.requests;
    if (hits > 0) {
      result.nanoseconds_per_hit =
          static_cast<double>(after.nanoseconds - before.nanoseconds) / hits;
    }
    return absl::OkStatus();
  }

  Result ResultOf(const std::string& state) const {
    const std::vector<Pair>& pairs = pairs_.at(state);
    const auto spread = [&pairs](const auto& figure) {
      std::vector<double> values;
      values.reserve(pairs.size());
      for (const Pair& pair : pairs) values.push_back(figure(pair));
      return SpreadOf(std::move(values));
    };
    Result result;
    result.throughput = spread(
        [](const Pair& pair) { return pair.state.load.per_second() / pair.bare_per_second; });
    result.added_us = Added(state);
    result.p50_us = spread([](const Pair& pair) { return pair.state.load.p50_us; });
    result.p99_us = spread([](const Pair& pair) { return pair.state.load.p99_us; });
    result.daemon_us = spread([](const Pair& pair) { return pair.state.daemon_cpu_us; });
    result.added_of_empty = Compared(state, kEmptyState);
    result.added_of_peers = Compared(state, kPeersState);
    return result;
  }

  Spread Bare(double (*figure)(const Sample&)) const {
    std::vector<double> values;
    for (const Sample& sample : bare_) values.push_back(figure(sample));
    return SpreadOf(std::move(values));
  }

 private:
  absl::StatusOr<Sample> Measure() {
    ASSIGN_OR_RETURN(const double server_before, CpuNanoseconds(server_->pid()));
    ASSIGN_OR_RETURN(const double daemon_before, CpuNanoseconds(daemon_.pid()));
    Sample sample;
    ASSIGN_OR_RETURN(sample.load, RunLoad(scenario_.load(address_, kSeconds)));
    ASSIGN_OR_RETURN(const double server_after, CpuNanoseconds(server_->pid()));
    ASSIGN_OR_RETURN(const double daemon_after, CpuNanoseconds(daemon_.pid()));
    const double nanoseconds_to_us = 1 / (1e3 * std::max(1.0, sample.load.requests));
    sample.cpu_us = (server_after - server_before) * nanoseconds_to_us;
    sample.daemon_cpu_us = (daemon_after - daemon_before) * nanoseconds_to_us;
    return sample;
  }

  // Each median for itself: the little that empty hits add is less than what some rounds differ by.
  std::optional<double> Compared(const std::string& state, const std::string& other) const {
    const Spread added = Added(other);
    if (added.low <= 0) return std::nullopt;
    return Added(state).median / added.median;
  }

  Spread Added(const std::string& state) const {
    std::vector<double> values;
    for (const Pair& pair : pairs_.at(state)) values.push_back(pair.added_us());
    return SpreadOf(std::move(values));
  }

  const Scenario& scenario_;
  DaemonUnderTest& daemon_;
  std::optional<testing::ChildProcess> server_;
  std::string address_;
  std::vector<Sample> bare_;
  std::map<std::string, std::vector<Pair>> pairs_;
};

std::string Factor(const std::optional<double>& factor) {
  return factor.has_value() ? fmt::format("{:.1f}", *factor) : "-";
}

void PrintHead(const Scenario& scenario, const ScenarioRun& run, Report& report) {
  const Spread rate = run.Bare([](const Sample& sample) { return sample.load.per_second(); });
  const Spread cpu = run.Bare([](const Sample& sample) { return sample.cpu_us; });
  const Spread p50 = run.Bare([](const Sample& sample) { return sample.load.p50_us; });
  const Spread p99 = run.Bare([](const Sample& sample) { return sample.load.p99_us; });
  fmt::print("\n{}: {}\n", scenario.name, scenario.title);
  fmt::print(
      "bare: {:.0f} requests/s ({:.0f}..{:.0f}), {:.1f} us of CPU ({:.1f}..{:.1f}), p50 "
      "{:.0f} us, p99 {:.0f} us\n",
      rate.median, rate.low, rate.high, cpu.median, cpu.low, cpu.high, p50.median, p99.median);
  fmt::print("{:<28} {:>18} {:>7} {:>8} {:>20} {:>8} {:>8} {:>8} {:>7} {:>7}\n", "",
             "requests/s of bare", "p50 us", "p99 us", "added CPU us", "of empty", "peers/it",
             "hits/req", "ns/hit", "daemon");
  Report::Row row = report.Add(scenario.name + "/bare");
  row.Set("requests_per_second", rate);
  row.Set("cpu_us", cpu);
  row.Set("p50_us", p50);
  row.Set("p99_us", p99);
}

void PrintRow(const Scenario& scenario, const std::string& state, const Result& result,
              Report& report) {
  constexpr double kPercent = 100;
  std::optional<double> peers_added_of_it;
  if (result.added_of_peers.has_value()) peers_added_of_it = 1 / *result.added_of_peers;
  fmt::print(
      "{:<28} {:>6.1f}% {:>10} {:>7.0f} {:>8.0f} {:>7.2f} {:>12} {:>8} {:>8} {:>8.2f} "
      "{:>7.0f} {:>7.2f}\n",
      state, kPercent * result.throughput.median,
      fmt::format("({:.0f}..{:.0f})", kPercent * result.throughput.low,
                  kPercent * result.throughput.high),
      result.p50_us.median, result.p99_us.median, result.added_us.median,
      fmt::format("({:.1f}..{:.1f})", result.added_us.low, result.added_us.high),
      Factor(result.added_of_empty), Factor(peers_added_of_it), result.hits_per_request,
      result.nanoseconds_per_hit, result.daemon_us.median);
  Report::Row row = report.Add(scenario.name + "/" + state);
  row.Set("throughput_of_bare", result.throughput);
  row.Set("added_cpu_us", result.added_us);
  if (result.added_of_empty.has_value()) row.Set("added_of_empty", *result.added_of_empty);
  if (result.added_of_peers.has_value()) row.Set("added_of_peers", *result.added_of_peers);
  row.Set("p50_us", result.p50_us);
  row.Set("p99_us", result.p99_us);
  row.Set("daemon_cpu_us", result.daemon_us);
  row.Set("hits_per_request", result.hits_per_request);
  row.Set("bpf_ns_per_hit", result.nanoseconds_per_hit);
}

}  // namespace

absl::StatusOr<Results> MeasureScenario(const Scenario& scenario, DaemonUnderTest& daemon,
                                        bool quick, Report& report) {
  // The target for a request's CPU time is this one's.
  const int full = scenario.name == kHello ? kRoundsForCpuTime : kRounds;
  const int rounds = quick ? kQuickRounds : full;
  std::vector<State> states = States(scenario.grpc);
  if (scenario.name == kHello) states.push_back(UnstreamedState());
  ScenarioRun run(scenario, daemon);
  RETURN_IF_ERROR(run.Start());
  for (int round = 0; round < rounds; ++round) RETURN_IF_ERROR(run.Round(states));
  PrintHead(scenario, run, report);
  Results results;
  for (const State& state : states) {
    Result& result = results[state.name];
    result = run.ResultOf(state.name);
    RETURN_IF_ERROR(run.CountHits(state, result));
    PrintRow(scenario, state.name, result, report);
  }
  return results;
}

}  // namespace uprobed::bench
