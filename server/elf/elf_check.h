#ifndef UPROBED_SERVER_ELF_ELF_CHECK_H_
#define UPROBED_SERVER_ELF_ELF_CHECK_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace uprobed::elf {

// The refusals of ElfFile, see there. `name` is the file's, for messages.

// An error about `name`, whose message is "NAME WHAT".
absl::Status Refuse(absl::StatusCode code, std::string_view reason, const std::string& name,
                    std::string_view what);

// FAILED_PRECONDITION BINARY_TRUNCATED.
absl::Status Truncated(const std::string& name, std::string_view what);

// FAILED_PRECONDITION BINARY_MALFORMED: all there, but made by no linker.
absl::Status NotFromALinker(const std::string& name, std::string_view what);

// The error of a failed open(2).
absl::Status OpenError(int error_number, const std::string& path);

// What libelf must not be asked about: another kind of file, another kind of ELF, or tables that
// are not all in the file. `bytes` is the file, or its start where that alone shows it is no ELF.
absl::Status CheckHeader(std::span<const std::byte> bytes, const std::string& name);

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_ELF_CHECK_H_
