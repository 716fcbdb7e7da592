#ifndef UPROBED_SERVER_PROFILE_OFFSETS_H_
#define UPROBED_SERVER_PROFILE_OFFSETS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/elf/elf_file.h"
#include "server/elf/go_functions.h"
#include "server/profile/go_version.h"
#include "server/profile/profile.h"

namespace uprobed::profile {

// What each source knows, by FieldKey.
using OffsetMap = std::map<std::string, uint32_t>;
struct OffsetSources {
  OffsetMap dwarf;
  OffsetMap table;
  OffsetMap machine_code;
};

// One offset for each field that a source knows, with what every other source says. The strongest
// source gives it: DWARF, which the compiler wrote of this very build, then the table, measured on
// released builds of this version, then machine code, which is read by rules.
std::map<std::string, FieldOffset> Combine(const OffsetSources& sources);

// Where the fields of AllFields() are in one binary.
struct Offsets {
  std::map<std::string, FieldOffset> fields;  // by FieldKey; what was not found is not there
  MapKind map_kind = MapKind::kBuckets;
  absl::Status dwarf;  // why DWARF told nothing; OK where it was read
};

// Asks every source: DWARF where the binary has it, the table where it covers `version`, and the
// machine code of `functions`. `experiments` are the GOEXPERIMENTs of the build, separated by
// commas, `modules` the versions of its dependencies. A field that no source knows is not in the
// result: nothing is extrapolated.
Offsets ReadOffsets(const elf::ElfFile& file, const elf::GoFunctions& functions,
                    const GoVersion& version, const std::string& experiments,
                    const std::map<std::string, std::string>& modules);

// The keys of the fields that `instrumentation` needs and `fields` lacks.
std::vector<std::string> MissingFields(const std::map<std::string, FieldOffset>& fields,
                                       Instrumentation instrumentation);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_OFFSETS_H_
