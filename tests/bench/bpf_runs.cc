#include "tests/bench/bpf_runs.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <system_error>

#include "server/base/errors.h"

namespace uprobed::bench {

BpfRuns ReadBpfRuns(pid_t holder) {
  std::set<uint32_t> ids;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/fdinfo", holder), error)) {
    std::ifstream lines(entry.path());
    for (std::string key, value; lines >> key && std::getline(lines >> std::ws, value);) {
      if (key == "prog_id:") ids.insert(static_cast<uint32_t>(std::stoul(value)));
    }
  }
  BpfRuns runs;
  for (const uint32_t id : ids) {
    const UniqueFd program(bpf_prog_get_fd_by_id(id));
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    if (!program.valid() || bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) continue;
    runs.count += info.run_cnt;
    runs.nanoseconds += info.run_time_ns;
  }
  return runs;
}

absl::StatusOr<BpfStatistics> BpfStatistics::Enable() {
  UniqueFd fd(bpf_enable_stats(BPF_STATS_RUN_TIME));
  if (!fd.valid()) return MakeErrnoError(errno, "BENCH_FAILED", "cannot count BPF runs");
  return BpfStatistics(std::move(fd));
}

}  // namespace uprobed::bench
