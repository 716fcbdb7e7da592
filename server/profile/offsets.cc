#include "server/profile/offsets.h"

#include <optional>
#include <utility>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/elf/dwarf_structs.h"
#include "server/profile/fields.h"
#include "server/profile/known_offsets.h"

namespace uprobed::profile {
namespace {

// Swiss maps came with Go 1.24 and could be turned off until 1.25 (internal/buildcfg).
constexpr int kFirstSwissMinor = 24;

MapKind MapKindOf(const GoVersion& version, const std::string& experiments) {
  const bool swiss = version.minor >= kFirstSwissMinor &&
                     !HasExperiment(experiments, "noswissmap") &&
                     !HasExperiment(version.experiments, "noswissmap");
  return swiss ? MapKind::kSwiss : MapKind::kBuckets;
}

// The kind whose structs DWARF describes; nullopt where it describes neither or both.
std::optional<MapKind> MapKindInDwarf(const std::map<std::string, uint32_t>& offsets) {
  const bool buckets = offsets.contains("runtime.hmap.buckets");
  const bool swiss = offsets.contains("internal/runtime/maps.Map.dirPtr");
  if (buckets == swiss) return std::nullopt;
  return swiss ? MapKind::kSwiss : MapKind::kBuckets;
}

bool BelongsToOtherMaps(const FieldSpec& field, MapKind map_kind) {
  return (field.need == Need::kBucketMaps && map_kind != MapKind::kBuckets) ||
         (field.need == Need::kSwissMaps && map_kind != MapKind::kSwiss);
}

absl::StatusOr<std::map<std::string, uint32_t>> ReadDwarf(const elf::ElfFile& file) {
  std::vector<elf::StructMember> members;
  for (const FieldSpec& field : AllFields()) {
    members.push_back({std::string(field.struct_name), std::string(field.member)});
  }
  return elf::ReadStructOffsets(file, members);
}

absl::Status Unknown(const GoVersion& version, const absl::Status& dwarf) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "OFFSETS_UNKNOWN",
      fmt::format("the struct layout of this build of Go 1.{}.{} is not known ({}) and the binary "
                  "has no usable DWARF ({}); build it without -ldflags=-w, or import a profile "
                  "made from a build with DWARF",
                  version.minor, version.patch, CoveredVersions(), std::string(dwarf.message())));
}

}  // namespace

absl::StatusOr<Offsets> ReadOffsets(const elf::ElfFile& file, const GoVersion& version,
                                    const std::string& experiments) {
  Offsets offsets;
  offsets.map_kind = MapKindOf(version, experiments);
  const absl::StatusOr<std::map<std::string, uint32_t>> dwarf = ReadDwarf(file);
  if (!dwarf.ok() && !TableCovers(version)) return Unknown(version, dwarf.status());
  offsets.has_dwarf = dwarf.ok() || ReasonOf(dwarf.status()) != "DWARF_MISSING";
  if (dwarf.ok()) offsets.map_kind = MapKindInDwarf(*dwarf).value_or(offsets.map_kind);
  for (const FieldSpec& field : AllFields()) {
    if (BelongsToOtherMaps(field, offsets.map_kind)) continue;
    const std::string key = FieldKey(field);
    if (dwarf.ok() && dwarf->contains(key)) {
      offsets.fields[key] = {dwarf->at(key), Source::kDwarf};
    } else if (const std::optional<uint32_t> known = KnownOffset(version, key)) {
      offsets.fields[key] = {*known, Source::kTable};
    }
  }
  return offsets;
}

std::vector<std::string> MissingFields(const std::map<std::string, FieldOffset>& fields,
                                       Instrumentation instrumentation, MapKind map_kind) {
  std::vector<std::string> missing;
  for (const FieldSpec& field : AllFields()) {
    std::string key = FieldKey(field);
    if (IsNeeded(field, instrumentation, map_kind) && !fields.contains(key)) {
      missing.push_back(std::move(key));
    }
  }
  return missing;
}

}  // namespace uprobed::profile
