#include "tests/bench/control_attach.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "server/base/errors.h"
#include "tests/bench/measurement.h"
#include "tests/bench/span_subscriber.h"
#include "tests/support/program_text.h"

namespace uprobed::bench {
namespace {

using std::chrono::steady_clock;

constexpr double kMaxAttachMs = 50;
constexpr double kMaxDetachMs = 50;
constexpr double kMaxFleetSeconds = 5;
constexpr double kMillisecondsPerSecond = 1000;
constexpr size_t kRequestsAtATime = 4;

struct Latencies {
  std::vector<double> active_ms;  // to the reply, which tells the state
  std::vector<double> first_span_ms;
  std::vector<double> deleted_ms;
  std::vector<double> gone_ms;  // to when the program's code is that of its file again
};

v1::ProbeSpec Probing(const std::string& path) {
  v1::ProbeSpec spec;
  spec.set_binary_path(path);
  return spec;
}

absl::Status AttachActive(DaemonUnderTest& daemon, const std::string& id, const std::string& path) {
  ASSIGN_OR_RETURN(const v1::Probe probe, daemon.Create(id, Probing(path)));
  if (probe.status().state() == v1::Probe::STATE_ACTIVE) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED",
                   path + " is not attached: " + probe.status().error().message());
}

class AttachRun {
 public:
  AttachRun(const Fleet& fleet, DaemonUnderTest& daemon)
      : fleet_(fleet), daemon_(daemon), subscriber_(daemon) {}

  absl::Status Measure(size_t program, Latencies& latencies) {
    const std::string id = fmt::format("attach-{}", ++count_);
    const testing::ProgramText text(fleet_.PidOf(program), fleet_.paths()[program]);
    // Requests come often enough for the first span not to wait for one.
    ASSIGN_OR_RETURN(const auto load, StartLoad(fleet_.UrlOf(program), 1, "500us"));
    subscriber_.Expect(id);
    const steady_clock::time_point create = steady_clock::now();
    RETURN_IF_ERROR(AttachActive(daemon_, id, fleet_.paths()[program]));
    latencies.active_ms.push_back(MillisecondsSince(create));
    const std::optional<steady_clock::time_point> first = subscriber_.AwaitFirst();
    if (!first.has_value()) {
      return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED", "no span of " + id);
    }
    latencies.first_span_ms.push_back(
        std::chrono::duration<double, std::milli>(*first - create).count());

    if (text.Differences() == 0) {
      return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED", "no breakpoint in " + id);
    }
    const steady_clock::time_point remove = steady_clock::now();
    RETURN_IF_ERROR(daemon_.Delete(id));
    latencies.deleted_ms.push_back(MillisecondsSince(remove));
    while (text.Differences() > 0) std::this_thread::yield();
    latencies.gone_ms.push_back(MillisecondsSince(remove));
    return absl::OkStatus();
  }

 private:
  const Fleet& fleet_;
  DaemonUnderTest& daemon_;
  SpanSubscriber subscriber_;
  int count_ = 0;
};

std::string Text(const Spread& spread) {
  return fmt::format("{:.1f} ({:.1f}..{:.1f})", spread.median, spread.low, spread.high);
}

void PrintRow(const std::string& name, const Latencies& latencies, Report& report) {
  const Spread active = SpreadOf(latencies.active_ms);
  const Spread first_span = SpreadOf(latencies.first_span_ms);
  const Spread deleted = SpreadOf(latencies.deleted_ms);
  const Spread gone = SpreadOf(latencies.gone_ms);
  fmt::print("{:<36} {:>20} {:>20} {:>20} {:>20}\n", name, Text(active), Text(first_span),
             Text(deleted), Text(gone));
  Report::Row row = report.Add(name);
  row.Set("active_ms", active);
  row.Set("first_span_ms", first_span);
  row.Set("deleted_ms", deleted);
  row.Set("breakpoints_gone_ms", gone);
}

// Calls `request` for each program of the fleet, from as many threads; the first error.
absl::Status RequestAll(size_t programs, size_t at_a_time,
                        const std::function<absl::Status(size_t)>& request) {
  std::atomic<size_t> next = 0;
  std::vector<absl::Status> statuses(at_a_time);
  {
    std::vector<std::jthread> threads;
    for (absl::Status& status : statuses) {
      threads.emplace_back([&next, &status, &request, programs] {
        for (size_t i = next++; i < programs && status.ok(); i = next++) status = request(i);
      });
    }
  }
  for (absl::Status& status : statuses) RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

// Seconds for both.
absl::StatusOr<double> ProbeFleet(const std::string& name, const Fleet& fleet, size_t at_a_time,
                                  DaemonUnderTest& daemon, Report& report) {
  const size_t programs = fleet.paths().size();
  steady_clock::time_point begin = steady_clock::now();
  RETURN_IF_ERROR(RequestAll(programs, at_a_time, [&](size_t i) {
    return AttachActive(daemon, fmt::format("fleet-{}", i), fleet.paths()[i]);
  }));
  const double attach_s = MillisecondsSince(begin) / kMillisecondsPerSecond;
  begin = steady_clock::now();
  RETURN_IF_ERROR(RequestAll(programs, at_a_time,
                             [&](size_t i) { return daemon.Delete(fmt::format("fleet-{}", i)); }));
  for (size_t i = 0; i < programs; ++i) {
    const testing::ProgramText text(fleet.PidOf(i), fleet.paths()[i]);
    while (text.Differences() > 0) std::this_thread::yield();
  }
  const double detach_s = MillisecondsSince(begin) / kMillisecondsPerSecond;
  fmt::print("{:<36} {:>18.2f} s {:>41.2f} s\n", name, attach_s, detach_s);
  Report::Row row = report.Add(name);
  row.Set("attach_s", attach_s);
  row.Set("detach_s", detach_s);
  return attach_s + detach_s;
}

}  // namespace

absl::Status MeasureAttach(const Fleet& fleet, const std::string& folder, bool quick,
                           std::unique_ptr<DaemonUnderTest>& daemon, Report& report) {
  const size_t runs = quick ? 5 : 15;
  Latencies unknown;
  Latencies known;
  {
    AttachRun run(fleet, *daemon);
    for (size_t i = 0; i < runs; ++i) RETURN_IF_ERROR(run.Measure(i, unknown));
    for (size_t i = 0; i < runs; ++i) RETURN_IF_ERROR(run.Measure(i, known));
  }
  daemon.reset();
  ASSIGN_OR_RETURN(daemon, DaemonUnderTest::Start(folder));
  Latencies stored;
  {
    AttachRun run(fleet, *daemon);
    for (size_t i = 0; i < runs; ++i) RETURN_IF_ERROR(run.Measure(i, stored));
  }
  fmt::print("\n{:<36} {:>20} {:>20} {:>20} {:>20}\n", "ms from the call", "attach: ACTIVE",
             "first span", "detach: reply", "breakpoints gone");
  PrintRow("a program not seen before", unknown, report);
  PrintRow("one that was probed before", known, report);
  PrintRow("the same, after the daemon's restart", stored, report);
  report.AddTargetAtMost("control: attach of a known program to its first span, ms",
                         SpreadOf(known.first_span_ms).median, kMaxAttachMs);
  report.AddTargetAtMost("control: detach until the breakpoints are gone, ms",
                         SpreadOf(known.gone_ms).median, kMaxDetachMs);
  return absl::OkStatus();
}

absl::Status MeasureFleet(const Fleet& fleet, DaemonUnderTest& daemon, Report& report) {
  const size_t size = fleet.paths().size();
  ASSIGN_OR_RETURN(const double unknown,
                   ProbeFleet(fmt::format("{} programs, most not seen before", size), fleet,
                              /*at_a_time=*/1, daemon, report));
  ASSIGN_OR_RETURN(const double known, ProbeFleet(fmt::format("{} programs, known", size), fleet,
                                                  /*at_a_time=*/1, daemon, report));
  const std::string target = fmt::format("control: {} programs attached and detached, ", size);
  report.AddTargetAtMost(target + "most of them unknown, s", unknown, kMaxFleetSeconds);
  report.AddTargetAtMost(target + "all known, s", known, kMaxFleetSeconds);
  return absl::OkStatus();
}

absl::Status MeasureFleetAtATime(const Fleet& fleet, DaemonUnderTest& daemon, Report& report) {
  const size_t size = fleet.paths().size();
  ASSIGN_OR_RETURN(const double seconds,
                   ProbeFleet(fmt::format("{} unknown ones, {} at a time", size, kRequestsAtATime),
                              fleet, kRequestsAtATime, daemon, report));
  report.AddTargetAtMost(fmt::format("control: {} programs attached and detached, unknown, {} at "
                                     "a time, s",
                                     size, kRequestsAtATime),
                         seconds, kMaxFleetSeconds);
  return absl::OkStatus();
}

}  // namespace uprobed::bench
