#include "server/profile/offsets.h"

#include <optional>
#include <utility>

#include "server/base/errors.h"
#include "server/elf/dwarf_structs.h"
#include "server/profile/fields.h"
#include "server/profile/known_module_offsets.h"
#include "server/profile/known_offsets.h"
#include "server/profile/machine_code.h"

namespace uprobed::profile {
namespace {

// Swiss maps came with Go 1.24 and could be turned off until 1.25 (internal/buildcfg).
constexpr int kFirstSwissMinor = 24;
// amd64 passes arguments in registers since Go 1.17.
constexpr int kFirstMinorWithRegisters = 17;

MapKind MapKindOf(const GoVersion& version, const std::string& experiments) {
  const bool swiss = version.minor >= kFirstSwissMinor &&
                     !HasExperiment(experiments, "noswissmap") &&
                     !HasExperiment(version.experiments, "noswissmap");
  return swiss ? MapKind::kSwiss : MapKind::kBuckets;
}

// The kind whose structs DWARF describes; nullopt where it describes neither or both.
std::optional<MapKind> MapKindInDwarf(const OffsetMap& offsets) {
  const bool buckets = offsets.contains("runtime.hmap.buckets");
  const bool swiss = offsets.contains("internal/runtime/maps.Map.dirPtr");
  if (buckets == swiss) return std::nullopt;
  return swiss ? MapKind::kSwiss : MapKind::kBuckets;
}

bool BelongsToOtherMaps(const FieldSpec& field, MapKind map_kind) {
  return (field.need == Need::kBucketMaps && map_kind != MapKind::kBuckets) ||
         (field.need == Need::kSwissMaps && map_kind != MapKind::kSwiss);
}

absl::StatusOr<OffsetMap> ReadDwarf(const elf::ElfFile& file) {
  std::vector<elf::StructMember> members;
  for (const FieldSpec& field : AllFields()) {
    members.push_back({std::string(field.struct_name), std::string(field.member)});
  }
  return elf::ReadStructOffsets(file, members);
}

// What the table of modules says of a field: that of the innermost of `modules` that has its
// package.
std::optional<uint32_t> FromModule(const std::map<std::string, std::string>& modules,
                                   const std::string& key) {
  const std::pair<const std::string, std::string>* innermost = nullptr;
  for (const auto& module : modules) {
    const bool inside = key.starts_with(module.first) && key.size() > module.first.size() &&
                        (key[module.first.size()] == '/' || key[module.first.size()] == '.');
    if (inside && (innermost == nullptr || module.first.size() > innermost->first.size())) {
      innermost = &module;
    }
  }
  if (innermost == nullptr) return std::nullopt;
  return KnownModuleOffset(innermost->first, innermost->second, key);
}

OffsetMap ReadTable(const GoVersion& version, const std::map<std::string, std::string>& modules) {
  OffsetMap offsets;
  for (const FieldSpec& field : AllFields()) {
    const std::string key = FieldKey(field);
    std::optional<uint32_t> known = KnownOffset(version, key);
    if (!known) known = FromModule(modules, key);
    if (known) offsets[key] = *known;
  }
  return offsets;
}

// The structs of the other kind of maps may be in DWARF and in the table, but not in use.
void EraseOtherMaps(MapKind map_kind, OffsetMap* offsets) {
  for (const FieldSpec& field : AllFields()) {
    if (BelongsToOtherMaps(field, map_kind)) offsets->erase(FieldKey(field));
  }
}

}  // namespace

std::map<std::string, FieldOffset> Combine(const OffsetSources& sources) {
  const std::pair<Source, const OffsetMap*> by_strength[] = {
      {Source::kDwarf, &sources.dwarf},
      {Source::kTable, &sources.table},
      {Source::kDisassembly, &sources.machine_code}};
  std::map<std::string, FieldOffset> fields;
  for (const auto& [source, offsets] : by_strength) {
    for (const auto& [key, offset] : *offsets) {
      const auto [field, first] = fields.try_emplace(key, FieldOffset{offset, source, {}});
      if (!first) field->second.others.push_back({source, offset});
    }
  }
  return fields;
}

Offsets ReadOffsets(const elf::ElfFile& file, const elf::GoFunctions& functions,
                    const GoVersion& version, const std::string& experiments,
                    const std::map<std::string, std::string>& modules) {
  Offsets offsets;
  offsets.map_kind = MapKindOf(version, experiments);
  OffsetSources sources;
  const absl::StatusOr<OffsetMap> dwarf = ReadDwarf(file);
  offsets.dwarf = dwarf.status();
  if (dwarf.ok()) {
    sources.dwarf = *dwarf;
    offsets.map_kind = MapKindInDwarf(*dwarf).value_or(offsets.map_kind);
  }
  sources.table = ReadTable(version, modules);
  EraseOtherMaps(offsets.map_kind, &sources.dwarf);
  EraseOtherMaps(offsets.map_kind, &sources.table);
  sources.machine_code = ReadMachineCode(
      file, functions,
      version.minor < kFirstMinorWithRegisters ? Passing::kOnStack : Passing::kInRegisters);
  offsets.fields = Combine(sources);
  return offsets;
}

std::vector<std::string> MissingFields(const std::map<std::string, FieldOffset>& fields,
                                       Instrumentation instrumentation) {
  std::vector<std::string> missing;
  for (const FieldSpec& field : AllFields()) {
    std::string key = FieldKey(field);
    if (IsNeeded(field, instrumentation) && !fields.contains(key)) {
      missing.push_back(std::move(key));
    }
  }
  return missing;
}

}  // namespace uprobed::profile
