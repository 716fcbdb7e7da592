#ifndef UPROBED_SERVER_CONTROL_PROCESS_TABLE_H_
#define UPROBED_SERVER_CONTROL_PROCESS_TABLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/control/file_version.h"

namespace uprobed::control {

// Which processes run which file, as of one moment. A value: safe to copy and share.
class ProcessTable {
 public:
  // Reads `proc_root`/<pid>/exe of each process. A deleted file is found too, because the link is
  // followed by the kernel. Processes that vanish meanwhile, kernel threads and those that may not
  // be looked at are left out.
  static ProcessTable Scan(const std::string& proc_root);

  // Ascending; empty where nothing runs `file`.
  std::vector<uint32_t> PidsOf(const FileId& file) const;
  bool Runs(uint32_t pid, const FileId& file) const;

 private:
  std::map<FileId, std::vector<uint32_t>> pids_;
};

// Start time of a process, in clock ticks since boot (/proc/<pid>/stat field 22): tells a reused
// pid. nullopt where there is no such process, or only its zombie.
std::optional<uint64_t> ReadStartTime(const std::string& proc_root, uint32_t pid);

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_PROCESS_TABLE_H_
