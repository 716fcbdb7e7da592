#ifndef UPROBED_SERVER_ELF_GO_VERSION_STRING_H_
#define UPROBED_SERVER_ELF_GO_VERSION_STRING_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"
#include "server/elf/pclntab.h"

namespace uprobed::elf {

// Where the version of Go was found.
enum class GoVersionSource {
  kSymbol,    // the variable runtime.buildVersion, by its symbol
  kVariable,  // the one variable of the program that is a string like a version of Go
};

struct GoVersionString {
  std::string text;  // "go1.24.12"
  GoVersionSource source = GoVersionSource::kSymbol;
};

// The version of a program whose build information was removed, from the variable
// runtime.buildVersion, which the linker keeps in every program. In a stripped program it is looked
// for among all variables; versions that `functions` can't be of are not taken. FAILED_PRECONDITION
// GO_VERSION_UNKNOWN where there is none, or more than one that it may be.
absl::StatusOr<GoVersionString> FindGoVersionString(const ElfFile& file, const Pclntab& functions);

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_GO_VERSION_STRING_H_
