// Prints how long the daemon takes for what it is told, and how much memory it has.
// control_bench [--quick] [--json FILE]
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/base/errors.h"
#include "tests/bench/control_attach.h"
#include "tests/bench/daemon_under_test.h"
#include "tests/bench/fleet.h"
#include "tests/bench/measurement.h"
#include "tests/bench/memory.h"
#include "tests/bench/report.h"
#include "tests/bench/span_subscriber.h"
#include "tests/support/temp_dir.h"

namespace uprobed::bench {
namespace {

constexpr int kFleetSize = 100;
constexpr int kStoredProbes = 1000;
constexpr int kSubscribers = 8;
constexpr int kConnections = 8;
// 40 and 80 MB.
constexpr double kMaxIdleMib = 40e6 / (1 << 20);
constexpr double kMaxLoadedMib = 80e6 / (1 << 20);
// The daemon trusts the hash of a file that has not changed for two seconds.
constexpr std::chrono::milliseconds kFilesSettle(2100);
constexpr std::chrono::milliseconds kIdleFor(500);
constexpr std::chrono::milliseconds kSampleMemoryEvery(50);

void PrintMemory(const std::string& name, const Memory& memory, Report& report) {
  fmt::print(
      "{:<36} {:>6.1f} MiB: {:.1f} anonymous, {:.1f} of files, {:.1f} shared; BPF maps {:.1f}\n",
      name, memory.rss, memory.anonymous, memory.file, memory.shared, memory.bpf_maps);
  Report::Row row = report.Add(name);
  row.Set("rss_mib", memory.rss);
  row.Set("anonymous_mib", memory.anonymous);
  row.Set("file_mib", memory.file);
  row.Set("shared_mib", memory.shared);
  row.Set("bpf_maps_mib", memory.bpf_maps);
}

absl::Status MeasureMemory(const Fleet& fleet, bool quick, Report& report) {
  const testing::TempDir folder;
  ASSIGN_OR_RETURN(const auto daemon, DaemonUnderTest::Start(folder.path().string()));
  std::this_thread::sleep_for(kIdleFor);
  const Memory idle = ReadMemory(daemon->pid());
  v1::ProbeSpec spec;
  spec.set_binary_path(fleet.paths()[0]);
  RETURN_IF_ERROR(daemon->Create("loaded", std::move(spec)).status());
  std::vector<std::unique_ptr<SpanSubscriber>> subscribers;
  subscribers.reserve(kSubscribers);
  for (int i = 0; i < kSubscribers; ++i) {
    subscribers.push_back(std::make_unique<SpanSubscriber>(*daemon));
  }
  Memory loaded;
  {
    ASSIGN_OR_RETURN(const auto load, StartLoad(fleet.UrlOf(0), kConnections, "0s"));
    const auto begin = std::chrono::steady_clock::now();
    const double load_ms = quick ? 3000 : 15000;
    while (MillisecondsSince(begin) < load_ms) {
      std::this_thread::sleep_for(kSampleMemoryEvery);
      const Memory memory = ReadMemory(daemon->pid());
      if (memory.rss > loaded.rss) loaded = memory;
    }
  }
  uint64_t spans = 0;
  uint64_t dropped = 0;
  for (const auto& subscriber : subscribers) {
    spans += subscriber->spans();
    dropped += subscriber->dropped();
  }
  fmt::print("\n");
  PrintMemory("memory, idle", idle, report);
  PrintMemory("memory, full load, 8 subscribers", loaded, report);
  fmt::print("{:<36} {} spans read by all, {} dropped because they were slow\n", "", spans,
             dropped);
  report.AddTargetAtMost("control: resident memory, idle, MiB", idle.rss, kMaxIdleMib);
  report.AddTargetAtMost("control: resident memory, full load and 8 subscribers, MiB", loaded.rss,
                         kMaxLoadedMib);
  return absl::OkStatus();
}

// `present` of the probes are of programs that run; the others wait for theirs.
absl::Status MeasureStart(const Fleet& fleet, int present, Report& report) {
  const testing::TempDir folder;
  ASSIGN_OR_RETURN(auto daemon, DaemonUnderTest::Start(folder.path().string()));
  const double empty_ms = daemon->start_ms();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kStoredProbes; ++i) {
    v1::ProbeSpec spec;
    spec.set_binary_path(i < present ? fleet.paths()[static_cast<size_t>(i)]
                                     : folder.File(fmt::format("absent-{}", i)));
    RETURN_IF_ERROR(daemon->Create(fmt::format("stored-{}", i), std::move(spec), true).status());
  }
  const double created_ms = MillisecondsSince(begin);
  daemon.reset();
  ASSIGN_OR_RETURN(daemon, DaemonUnderTest::Start(folder.path().string()));
  const std::string name = fmt::format("{} stored probes, {} attached", kStoredProbes, present);
  fmt::print("{:<36} {:.0f} ms to SERVING, {:.0f} ms without any; created in {:.0f} ms\n", name,
             daemon->start_ms(), empty_ms, created_ms);
  Report::Row row = report.Add(name);
  row.Set("start_ms", daemon->start_ms());
  row.Set("empty_start_ms", empty_ms);
  row.Set("created_ms", created_ms);
  PrintMemory("memory, " + name, ReadMemory(daemon->pid()), report);
  return absl::OkStatus();
}

absl::Status Run(const Arguments& arguments) {
  const testing::TempDir folder;
  ASSIGN_OR_RETURN(const Fleet fleet, Fleet::Start(folder.path().string(), kFleetSize));
  std::this_thread::sleep_for(kFilesSettle);
  Report report;
  {
    const testing::TempDir state;
    ASSIGN_OR_RETURN(auto daemon, DaemonUnderTest::Start(state.path().string()));
    RETURN_IF_ERROR(MeasureAttach(fleet, state.path().string(), arguments.quick, daemon, report));
    RETURN_IF_ERROR(MeasureFleet(fleet, *daemon, report));
  }
  {
    const testing::TempDir state;
    ASSIGN_OR_RETURN(const auto daemon, DaemonUnderTest::Start(state.path().string()));
    RETURN_IF_ERROR(MeasureFleetAtATime(fleet, *daemon, report));
  }
  RETURN_IF_ERROR(MeasureStart(fleet, 0, report));
  RETURN_IF_ERROR(MeasureStart(fleet, kFleetSize, report));
  RETURN_IF_ERROR(MeasureMemory(fleet, arguments.quick, report));
  return report.Write(arguments.json_path);
}

}  // namespace
}  // namespace uprobed::bench

int main(int count, char** values) {
  const absl::Status status = uprobed::bench::Run(uprobed::bench::ParseArguments(count, values));
  if (status.ok()) return 0;
  std::fprintf(stderr, "control_bench: %s\n", uprobed::MessageOf(status).c_str());
  return 1;
}
