#ifndef UPROBED_SERVER_ELF_DEBUG_FILE_H_
#define UPROBED_SERVER_ELF_DEBUG_FILE_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"
#include "server/elf/elf_file.h"

namespace uprobed::elf {

// Whether a section is one of debug information, compressed or not.
inline bool IsDebugSection(std::string_view name) {
  return name.starts_with(".debug_") || name.starts_with(".zdebug_");
}

// A file in memory that has of `file` its headers, its debug sections and the names of sections,
// where they are in it, and is empty elsewhere. How much that is, is the caller's to bound. libdw
// wants a file that it may write to, at least in its own memory: it makes headers say that
// compressed sections are not. BINARY_READ_FAILED where there is no memory.
absl::StatusOr<UniqueFd> MakeDebugFile(const ElfFile& file);

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_DEBUG_FILE_H_
