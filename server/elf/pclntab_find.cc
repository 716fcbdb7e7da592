// Where a binary has its function table, and what its entries count from.

#include <algorithm>
#include <utility>

#include "server/base/errors.h"
#include "server/elf/byte_reader.h"
#include "server/elf/pclntab.h"
#include "server/elf/relocation.h"

namespace uprobed::elf {
namespace {

// runtime/symtab.go, type pcHeader: textStart, Go 1.18 to 1.25.
constexpr uint64_t kTextStartField = 24;

// runtime/symtab.go, type moduledata, Go 1.26 and 1.27.
constexpr uint64_t kModuleTableField = 0;
constexpr uint64_t kModuleMinPcField = 160;
constexpr uint64_t kModuleMaxPcField = 168;
constexpr uint64_t kModuleTextField = 176;

// Of what looks like a table or a module, no more is looked at: each look may cost the time of
// reading the whole file.
constexpr size_t kMaxCandidates = 16;

struct Location {
  uint64_t address = 0;
  std::span<const std::byte> bytes;
};

void FindTablesIn(uint64_t address, std::span<const std::byte> bytes, uint64_t* budget,
                  std::vector<Location>* found) {
  constexpr uint64_t kAlignment = 8;
  const uint64_t size = std::min<uint64_t>(*budget, bytes.size());
  *budget -= size;
  for (uint64_t offset = 0; offset < size && found->size() < kMaxCandidates; offset += kAlignment) {
    if (LooksLikePclntab(bytes.subspan(offset))) {
      found->push_back({.address = address + offset, .bytes = bytes.subspan(offset)});
    }
  }
}

// A system linker merges .data.rel.ro.gopclntab into .data.rel.ro, and section headers can be
// removed: then the table begins somewhere in a segment.
std::vector<Location> FindByContent(const ElfFile& file) {
  std::vector<Location> found;
  uint64_t budget = file.size();
  if (const Section* merged = file.FindSection(".data.rel.ro")) {
    FindTablesIn(merged->address, merged->data, &budget, &found);
  }
  if (!found.empty()) return found;
  budget = file.size();
  for (const Segment& segment : file.segments()) {
    FindTablesIn(segment.address, segment.data, &budget, &found);
  }
  return found;
}

// The text start in the moduledata at `module`; nullopt where that is none of the table, whose
// functions go from `first` to `end` behind the text start.
std::optional<uint64_t> TextStartOfModule(const ElfFile& file, uint64_t module,
                                          uint64_t table_address, uint64_t first, uint64_t end) {
  if (ReadPointer(file, module + kModuleTableField) != table_address) return std::nullopt;
  const auto text = ReadPointer(file, module + kModuleTextField);
  if (!text) return std::nullopt;
  if (ReadPointer(file, module + kModuleMinPcField) != *text + first) return std::nullopt;
  if (ReadPointer(file, module + kModuleMaxPcField) != *text + end) return std::nullopt;
  return text;
}

// What the entries count from, for a header that does not say.
std::optional<uint64_t> FindTextStart(const ElfFile& file, uint64_t table_address, uint64_t first,
                                      uint64_t end) {
  if (file.position_independent()) {
    const auto relocated = ReadPointer(file, table_address + kTextStartField);
    if (relocated && *relocated != 0) return relocated;
  }
  if (const Section* section = file.FindSection(".go.module")) {
    return TextStartOfModule(file, section->address, table_address, first, end);
  }
  // The module's first word points to the table.
  std::vector<uint64_t> candidates;
  VisitPointers(file, [&candidates, table_address](uint64_t address, uint64_t value) {
    if (value == table_address) candidates.push_back(address);
    return candidates.size() == kMaxCandidates;
  });
  for (const uint64_t module : candidates) {
    if (const auto text = TextStartOfModule(file, module, table_address, first, end)) return text;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Pclntab> Pclntab::Read(const ElfFile& file, uint64_t address,
                                      std::span<const std::byte> bytes) {
  ASSIGN_OR_RETURN(Pclntab table, Parse(bytes, 0));
  if (table.IsAbsolute()) {
    if (file.position_independent()) {
      const auto offset = static_cast<uint64_t>(table.functab_.data() - bytes.data());
      table.relocated_ = std::make_shared<const std::vector<std::byte>>(
          Relocate(file, address + offset, table.functab_));
      table.functab_ = *table.relocated_;
    }
  } else if (table.text_start_ == 0) {
    const auto first = table.EntryOffset(0);
    const auto end = table.EntryOffset(table.count_);
    if (!first || !end) return PclntabMalformed("the end of its functions is not in it");
    const auto text_start = FindTextStart(file, address, *first, *end);
    if (!text_start) return PclntabMalformed("the start of the code is not known");
    table.text_start_ = *text_start;
  }
  const auto first = table.EntryOffset(0);
  if (!first || !file.FileOffset(table.text_start_ + *first)) {
    return PclntabMalformed("its first function is not in the file");
  }
  return table;
}

absl::StatusOr<Pclntab> Pclntab::Find(const ElfFile& file) {
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab"}) {
    if (const Section* section = file.FindSection(name)) {
      return Read(file, section->address, section->data);
    }
  }
  absl::Status error;
  for (const Location& location : FindByContent(file)) {
    absl::StatusOr<Pclntab> table = Read(file, location.address, location.bytes);
    if (table.ok()) return table;
    if (error.ok()) error = std::move(table).status();
  }
  if (!error.ok()) return error;
  return MakeError(absl::StatusCode::kFailedPrecondition, "PCLNTAB_MISSING",
                   file.name() +
                       " has no Go function table (.gopclntab); give a program that was built by "
                       "Go and is neither obfuscated nor packed",
                   {{"path", file.name()}});
}

}  // namespace uprobed::elf
