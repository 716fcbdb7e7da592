#ifndef UPROBED_SERVER_CONTROL_TARGET_H_
#define UPROBED_SERVER_CONTROL_TARGET_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/control/file_version.h"
#include "server/elf/elf_file.h"
#include "server/store/probe_record.h"

namespace uprobed::control {

// An opened executable. The open file is the identity, not its path.
struct Target {
  elf::ElfFile file;
  FileVersion version;
  std::string path;  // as the user knows it, also of a process's executable
};

// Opens `path`. Errors: those of elf, TARGET_NOT_ABSOLUTE, TARGET_IS_SELF.
absl::StatusOr<Target> OpenPath(const std::string& path);
// Opens the executable of a process, whatever happened to its path. Errors: those of elf,
// NOT_FOUND PROCESS_NOT_FOUND, PERMISSION_DENIED PROCESS_NOT_READABLE, TARGET_IS_SELF.
absl::StatusOr<Target> OpenProcess(const std::string& proc_root, uint32_t pid);
// Opens what `spec` names, by path or pid.
absl::StatusOr<Target> OpenTarget(const std::string& proc_root, const store::ProbeSpec& spec);

// INVALID_ARGUMENT TARGET_MISSING, TARGET_AMBIGUOUS or TARGET_NOT_ABSOLUTE unless exactly one of an
// absolute path and a pid is given.
absl::Status CheckTargetGiven(const std::string& path, uint32_t pid);

// The file that the target is now, without opening it: NOT_FOUND BINARY_NOT_FOUND, or
// PROCESS_EXITED where the process is gone or another one has its pid now.
absl::StatusOr<FileVersion> Observe(const std::string& proc_root, const std::string& boot_id,
                                    const store::ProbeSpec& spec);

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_TARGET_H_
