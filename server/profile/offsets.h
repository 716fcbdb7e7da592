#ifndef UPROBED_SERVER_PROFILE_OFFSETS_H_
#define UPROBED_SERVER_PROFILE_OFFSETS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"
#include "server/profile/go_version.h"
#include "server/profile/profile.h"

namespace uprobed::profile {

// Where the fields of AllFields() are in one binary.
struct Offsets {
  std::map<std::string, FieldOffset> fields;  // by FieldKey; what was not found is not there
  MapKind map_kind = MapKind::kBuckets;
  bool has_dwarf = false;
};

// From DWARF where the binary has it, else, field by field, from the table for `version`.
// `experiments` are the GOEXPERIMENTs of the build, separated by commas. FAILED_PRECONDITION
// OFFSETS_UNKNOWN where there is no readable DWARF and the table does not cover the version.
absl::StatusOr<Offsets> ReadOffsets(const elf::ElfFile& file, const GoVersion& version,
                                    const std::string& experiments);

// The keys of the fields that `instrumentation` needs and `fields` lacks.
std::vector<std::string> MissingFields(const std::map<std::string, FieldOffset>& fields,
                                       Instrumentation instrumentation, MapKind map_kind);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_OFFSETS_H_
