#include "server/control/process_table.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

#include "server/control/proc_file.h"

namespace uprobed::control {

ProcessTable ProcessTable::Scan(const std::string& proc_root) {
  ProcessTable table;
  for (const uint32_t pid : ListPids(proc_root)) {
    struct stat status {};
    if (stat(ProcPath(proc_root, pid, "exe").c_str(), &status) != 0) continue;
    table.pids_[VersionOf(status).id].push_back(pid);
  }
  return table;
}

std::vector<uint32_t> ProcessTable::PidsOf(const FileId& file) const {
  const auto found = pids_.find(file);
  return found == pids_.end() ? std::vector<uint32_t>() : found->second;
}

bool ProcessTable::Runs(uint32_t pid, const FileId& file) const {
  const auto found = pids_.find(file);
  return found != pids_.end() &&
         std::binary_search(found->second.begin(), found->second.end(), pid);
}

std::optional<uint64_t> ReadStartTime(const std::string& proc_root, uint32_t pid) {
  const std::optional<std::string> stat_line = ReadSmallFile(ProcPath(proc_root, pid, "stat"));
  if (!stat_line.has_value()) return std::nullopt;
  // Field 2 is the command in parentheses and may itself hold spaces and parentheses
  // (proc_pid_stat(5)), so the fields are counted from behind the last one.
  const size_t command_end = stat_line->rfind(')');
  if (command_end == std::string::npos) return std::nullopt;
  constexpr int kStateField = 3;
  constexpr int kStartTimeField = 22;
  std::string_view rest = std::string_view(*stat_line).substr(command_end + 1);
  for (int field = kStateField;; ++field) {
    const size_t begin = rest.find_first_not_of(" \n");
    if (begin == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(begin);
    const std::string_view value = rest.substr(0, rest.find_first_of(" \n"));
    if (field == kStateField && (value == "Z" || value == "X")) return std::nullopt;
    if (field == kStartTimeField) {
      uint64_t ticks = 0;
      const char* const end = value.data() + value.size();
      const auto parsed = std::from_chars(value.data(), end, ticks);
      if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
      return ticks;
    }
    rest.remove_prefix(value.size());
  }
}

}  // namespace uprobed::control
