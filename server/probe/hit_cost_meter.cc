#include "server/probe/hit_cost_meter.h"

#include <bpf/bpf.h>
#include <spdlog/spdlog.h>

#include <array>
#include <fstream>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/errors.h"
#include "server/base/unique_fd.h"
#include "server/probe/site_program.h"
#include "server/probe/trap_cost.h"

namespace uprobed::probe {
namespace {

constexpr absl::Duration kWindow = absl::Milliseconds(20);
constexpr uint64_t kMinRuns = 10;

// Whether somebody who may has asked the kernel to count for good.
bool IsCountedForGood() {
  std::ifstream setting("/proc/sys/kernel/bpf_stats_enabled");
  int value = 0;
  return setting >> value && value != 0;
}

}  // namespace

HitCosts HitCostMeter::Measure() {
  const absl::MutexLock lock(&mutex_);
  if (!traps_measured_) MeasureTraps();
  if (!programs_unknown_) MeasurePrograms();
  return costs_;
}

void HitCostMeter::MeasureTraps() {
  traps_measured_ = true;
  const auto measure = [this]() -> absl::StatusOr<TrapCosts> {
    ASSIGN_OR_RETURN(bpf_program * program, programs_.Get(profile::SiteKind::kServerStart));
    return MeasureTrapCosts(program, object_.uprobe_multi());
  };
  const absl::StatusOr<TrapCosts> measured = measure();
  if (!measured.ok()) {
    spdlog::warn("the cost of a trap is assumed emulated_ns={} single_stepped_ns={}: {}",
                 costs_.trap.emulated_ns, costs_.trap.single_stepped_ns,
                 MessageOf(measured.status()));
    return;
  }
  costs_.trap = *measured;
  spdlog::info("measured the cost of a trap emulated_ns={:.0f} single_stepped_ns={:.0f}",
               costs_.trap.emulated_ns, costs_.trap.single_stepped_ns);
}

std::map<std::string, HitCostMeter::Runs> HitCostMeter::ReadRuns() const {
  std::map<std::string, Runs> runs;
  for (const auto& [name, fd] : programs_.Loaded()) {
    bpf_prog_info info{};
    uint32_t size = sizeof(info);
    // Left out as one that has not run.
    if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) continue;
    runs[name] = {.count = info.run_cnt, .ns = info.run_time_ns};
  }
  return runs;
}

void HitCostMeter::MeasurePrograms() {
  const std::map<std::string, Runs> before = ReadRuns();
  {
    const UniqueFd counting(bpf_enable_stats(BPF_STATS_RUN_TIME));
    if (!counting.valid() && !IsCountedForGood()) {
      programs_unknown_ = true;
      spdlog::warn(
          "the cost of BPF programs is assumed program_ns={}: the kernel does not count it for "
          "this "
          "daemon; give it CAP_SYS_ADMIN, or set kernel.bpf_stats_enabled=1",
          HitCosts::kAssumedProgramNs);
      return;
    }
    absl::SleepFor(kWindow);
  }
  std::array<Runs, UP_COUNTER_COUNT> meanwhile{};
  const std::map<std::string, Runs> after = ReadRuns();
  for (const profile::SiteKind kind : profile::AllSiteKinds()) {
    const SiteProgram program = ProgramOf(kind);
    if (program.name == nullptr) continue;
    const auto begin = before.find(program.name);
    const auto end = after.find(program.name);
    if (begin == before.end() || end == after.end()) continue;
    // Several kinds may have the same program, whose runs are then added as often as its time.
    meanwhile[program.hits].count += end->second.count - begin->second.count;
    meanwhile[program.hits].ns += end->second.ns - begin->second.ns;
  }
  for (size_t i = 0; i < meanwhile.size(); ++i) {
    if (meanwhile[i].count < kMinRuns) continue;
    costs_.program_ns[i] =
        static_cast<double>(meanwhile[i].ns) / static_cast<double>(meanwhile[i].count);
  }
}

}  // namespace uprobed::probe
