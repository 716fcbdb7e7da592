// Prints what observing costs a Go server: requests per second bare, observed by uprobed, and with
// the usual placement of probes (function entry and each ret, a program that only counts), in turn,
// in one run; and hits per request. Figures are for comparison within the run only.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/errors.h"
#include "server/control/event_directory.h"
#include "server/elf/elf_file.h"
#include "server/event_loop.h"
#include "server/probe/libbpf_backend.h"
#include "server/profile/resolver.h"
#include "tests/bench/peer_placement.h"
#include "tests/support/child_process.h"
#include "tests/support/targets.h"

namespace uprobed::bench {
namespace {

constexpr int kRounds = 7;
constexpr int kConnections = 8;

// Requests per second of `total` requests; 0 where the load generator failed.
double Measure(const std::string& url, int total) {
  std::optional<testing::ChildProcess> generator =
      testing::ChildProcess::Start({(testing::TargetsDir() / "loadgen").string(), "-url", url, "-n",
                                    std::to_string(total), "-c", std::to_string(kConnections)});
  if (!generator.has_value()) return 0;
  const std::string key = "\"seconds\":";
  double seconds = 0;
  for (std::string line = generator->ReadLine(); !line.empty(); line = generator->ReadLine()) {
    const size_t at = line.find(key);
    if (at != std::string::npos) seconds = std::strtod(line.c_str() + at + key.size(), nullptr);
  }
  return generator->Wait() == 0 && seconds > 0 ? total / seconds : 0;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Row {
  std::string name;
  std::vector<double> rates;
  double hits_per_request = 0;
};

void Print(const std::vector<Row>& rows) {
  const double bare = Median(rows[0].rates);
  fmt::print("{:<44} {:>10} {:>21} {:>8} {:>10}\n", "", "requests/s", "min..max", "of bare",
             "hits/req");
  for (const Row& row : rows) {
    const auto [low, high] = std::minmax_element(row.rates.begin(), row.rates.end());
    fmt::print("{:<44} {:>10.0f} {:>10.0f}..{:<9.0f} {:>7.1f}% {:>10.2f}\n", row.name,
               Median(row.rates), *low, *high, 100 * Median(row.rates) / bare,
               row.hits_per_request);
  }
}

class Bench {
 public:
  Bench()
      : loop_(backend_, directory_,
              [this](const std::shared_ptr<const span::Span>&) { ++spans_; }) {}

  absl::Status Run(const std::string& path) {
    RETURN_IF_ERROR(loop_.Start());
    std::optional<testing::RunningTarget> target = testing::RunningTarget::Start(path);
    if (!target.has_value()) {
      return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED", "cannot start " + path);
    }
    RETURN_IF_ERROR(
        RunScenario(path, "http://" + target->address + "/hello", "hello", 20000, 2000));
    return RunScenario(path, "http://" + target->address + "/call", "hello, one call out", 8000,
                       800);
  }

 private:
  absl::StatusOr<std::unique_ptr<probe::Attachment>> Attach(const std::string& path) {
    ASSIGN_OR_RETURN(const elf::ElfFile file, elf::ElfFile::Open(path));
    ASSIGN_OR_RETURN(const profile::BinaryIdentity identity, profile::ReadIdentity(file));
    ASSIGN_OR_RETURN(const profile::Profile profile, profile::Resolve(file, identity));
    probe::AttachOptions options;
    options.instrumentations = {profile::Instrumentation::kHttpServer,
                                profile::Instrumentation::kHttpClient};
    options.on_slot = [this, &path](uint32_t slot) {
      directory_.Bind(slot, {.probe_id = "bench", .binary_path = path, .service_name = "bench"});
    };
    return backend_.Attach(file.fd(), profile, options);
  }

  static uint64_t Hits(const up_counters& counters) {
    return counters.value[UP_COUNTER_HITS_SERVER_START] +
           counters.value[UP_COUNTER_HITS_SERVER_END] +
           counters.value[UP_COUNTER_HITS_CLIENT_START] +
           counters.value[UP_COUNTER_HITS_CLIENT_END];
  }

  // The slow placement gets fewer requests, so that a round takes about as long in each state.
  absl::Status RunScenario(const std::string& path, const std::string& url, const std::string& name,
                           int total, int total_with_peers) {
    std::vector<Row> rows = {{.name = name + ": bare", .rates = {}},
                             {.name = name + ": uprobed, server and client", .rates = {}},
                             {.name = name + ": entry and each ret, counting only", .rates = {}}};
    Measure(url, total / 4);
    for (int round = 0; round < kRounds; ++round) {
      rows[0].rates.push_back(Measure(url, total));
      {
        ASSIGN_OR_RETURN(const std::unique_ptr<probe::Attachment> attachment, Attach(path));
        rows[1].rates.push_back(Measure(url, total));
        rows[1].hits_per_request = static_cast<double>(Hits(attachment->counters())) / total;
      }
      ASSIGN_OR_RETURN(const std::unique_ptr<PeerPlacement> peers, PeerPlacement::Attach(path));
      rows[2].rates.push_back(Measure(url, total_with_peers));
      rows[2].hits_per_request = static_cast<double>(peers->hits()) / total_with_peers;
    }
    Print(rows);
    return absl::OkStatus();
  }

  probe::LibbpfBackend backend_;
  control::EventDirectory directory_;
  std::atomic<uint64_t> spans_ = 0;
  EventLoop loop_;
};

}  // namespace
}  // namespace uprobed::bench

int main(int argc, char** argv) {
  std::string path;
  if (argc > 1) {
    path = argv[1];
  } else if (const auto targets = uprobed::testing::AvailableTargets("hello"); !targets.empty()) {
    path = targets[targets.size() - 2].path.string();
  }
  if (path.empty()) {
    std::fprintf(stderr, "usage: overhead_bench HELLO-PROGRAM (scripts/build_targets makes one)\n");
    return 2;
  }
  fmt::print("{}\n", path);
  if (const absl::Status status = uprobed::bench::Bench().Run(path); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
