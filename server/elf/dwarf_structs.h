#ifndef UPROBED_SERVER_ELF_DWARF_STRUCTS_H_
#define UPROBED_SERVER_ELF_DWARF_STRUCTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"

namespace uprobed::elf {

// A struct member to look up: {"net/http.Request", "Method"}; members of embedded or nested structs
// by value are written with dots: {"internal/runtime/maps.table", "groups.data"}.
struct StructMember {
  std::string struct_name;
  std::string member;
};

// Byte offsets of those `members` that DWARF knows, keyed "struct_name.member". A member that is
// not there is not in the result. FAILED_PRECONDITION DWARF_MISSING where the binary has none at
// all, DWARF_MALFORMED where it can't be read, DWARF_TOO_LARGE where it would take too much memory,
// DWARF_SPLIT where none was found and units lie in files of their own.
// Stops as soon as all are found.
absl::StatusOr<std::map<std::string, uint32_t>> ReadStructOffsets(
    const ElfFile& file, const std::vector<StructMember>& members);

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_DWARF_STRUCTS_H_
