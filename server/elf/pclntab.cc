#include "server/elf/pclntab.h"

#include <fmt/format.h>

#include <string>

#include "server/base/errors.h"
#include "server/elf/byte_reader.h"
#include "server/elf/relocation.h"

namespace uprobed::elf {
namespace {

// internal/abi/symtab.go: Go118PCLnTabMagic and Go120PCLnTabMagic. The layout is the same; only the
// order of generic names' brackets changed.
constexpr uint32_t kMagicGo118 = 0xfffffff0;
constexpr uint32_t kMagicGo120 = 0xfffffff1;
// The older layouts: Go 1.2 to 1.15, and 1.16 to 1.17.
constexpr uint32_t kMagicGo12 = 0xfffffffb;
constexpr uint32_t kMagicGo116 = 0xfffffffa;

// runtime/symtab.go, type pcHeader, 64-bit.
struct Header {
  uint32_t magic;
  uint8_t pad[2];
  uint8_t min_instruction_size;
  uint8_t pointer_size;
  uint64_t function_count;
  uint64_t file_count;
  uint64_t text_start;
  uint64_t names_offset;
  uint64_t units_offset;
  uint64_t files_offset;
  uint64_t tables_offset;
  uint64_t functions_offset;
};
static_assert(sizeof(Header) == 72);
constexpr uint64_t kTextStartField = 24;

// runtime/symtab.go, type functab: two offsets of 32 bits.
constexpr uint64_t kFunctabEntrySize = 8;
// runtime/runtime2.go, type _func: entryOff uint32, nameOff int32.
constexpr uint64_t kNameOffsetField = 4;

// runtime/symtab.go, type moduledata: pcHeader is its first word, text at this offset.
constexpr uint64_t kModuleTextField = 176;

absl::Status Malformed(std::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PCLNTAB_MALFORMED",
                   fmt::format("the Go function table can't be read: {}; build the program again "
                               "without tools that rewrite it",
                               what));
}

bool LooksLikeHeader(const Header& header) {
  return (header.magic == kMagicGo118 || header.magic == kMagicGo120) && header.pad[0] == 0 &&
         header.pad[1] == 0 &&
         (header.min_instruction_size == 1 || header.min_instruction_size == 4) &&
         header.pointer_size == 8;
}

struct Location {
  std::span<const std::byte> bytes;
  uint64_t address = 0;
};

std::optional<Location> Locate(const ElfFile& file) {
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab"}) {
    if (const Section* section = file.FindSection(name)) {
      return Location{.bytes = section->data, .address = section->address};
    }
  }
  // A system linker merges .data.rel.ro.gopclntab into .data.rel.ro, at a multiple of a pointer.
  const Section* merged = file.FindSection(".data.rel.ro");
  if (merged == nullptr) return std::nullopt;
  constexpr uint64_t kAlignment = 8;
  for (uint64_t offset = 0; offset < merged->data.size(); offset += kAlignment) {
    const auto header = ValueAt<Header>(merged->data, offset);
    if (header && LooksLikeHeader(*header)) {
      return Location{.bytes = merged->data.subspan(offset), .address = merged->address + offset};
    }
  }
  return std::nullopt;
}

// Where the functions' offsets count from, for a header that does not say.
std::optional<uint64_t> FindTextStart(const ElfFile& file, uint64_t table_address) {
  if (file.position_independent()) {
    const auto relocated = ReadPointer(file, table_address + kTextStartField);
    if (relocated && *relocated != 0) return relocated;
  }
  const Section* module = file.FindSection(".go.module");
  if (module == nullptr) return std::nullopt;
  if (ReadPointer(file, module->address) != table_address) return std::nullopt;
  return ReadPointer(file, module->address + kModuleTextField);
}

}  // namespace

absl::StatusOr<Pclntab> Pclntab::Find(const ElfFile& file) {
  const auto location = Locate(file);
  if (!location) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "PCLNTAB_MISSING",
                     file.name() +
                         " has no Go function table (.gopclntab); its section headers "
                         "were removed, or it is not a Go program");
  }
  ASSIGN_OR_RETURN(Pclntab table, Parse(location->bytes, 0));
  if (table.text_start_ == 0) {
    const auto text_start = FindTextStart(file, location->address);
    if (!text_start) return Malformed("the start of the code is not known");
    table.text_start_ = *text_start;
  }
  const auto first = table.EntryOffset(0);
  if (!first || !file.FileOffset(table.text_start_ + *first)) {
    return Malformed("its first function is not in the file");
  }
  return table;
}

absl::StatusOr<Pclntab> Pclntab::Parse(std::span<const std::byte> table, uint64_t text_start) {
  const auto header = ValueAt<Header>(table, 0);
  if (!header) return Malformed("its header is incomplete");
  if (header->magic == kMagicGo12 || header->magic == kMagicGo116) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "PCLNTAB_VERSION_UNSUPPORTED",
                     "the Go function table is of Go 1.17 or older; build the program with a "
                     "newer Go");
  }
  if (header->magic != kMagicGo118 && header->magic != kMagicGo120) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "PCLNTAB_VERSION_UNSUPPORTED",
                     fmt::format("the Go function table has the unknown magic {:#x}; it is of a "
                                 "newer Go, or obfuscated",
                                 header->magic));
  }
  if (!LooksLikeHeader(*header)) return Malformed("its header is not one of a 64-bit program");
  if (header->names_offset > table.size() || header->functions_offset > table.size()) {
    return Malformed("its parts are outside of its section");
  }
  Pclntab result;
  result.names_ = table.subspan(header->names_offset);
  result.functions_ = table.subspan(header->functions_offset);
  result.count_ = header->function_count;
  result.text_start_ = header->text_start != 0 ? header->text_start : text_start;
  // The sentinel behind the last entry holds the end of the last function.
  const uint64_t available = result.functions_.size() / kFunctabEntrySize;
  if (result.count_ == 0 || result.count_ > available) {
    return Malformed(fmt::format("it claims {} functions", result.count_));
  }
  return result;
}

std::optional<uint32_t> Pclntab::EntryOffset(uint64_t index) const {
  if (index > count_) return std::nullopt;
  return ValueAt<uint32_t>(functions_, index * kFunctabEntrySize);
}

std::optional<Pclntab::Function> Pclntab::At(uint64_t index) const {
  if (index >= count_) return std::nullopt;
  const auto entry = EntryOffset(index);
  const auto next = EntryOffset(index + 1);
  const auto record = ValueAt<uint32_t>(functions_, index * kFunctabEntrySize + sizeof(uint32_t));
  if (!entry || !next || !record || *next < *entry) return std::nullopt;
  const auto name_offset = ValueAt<uint32_t>(functions_, uint64_t{*record} + kNameOffsetField);
  if (!name_offset) return std::nullopt;
  const auto name = StringAt(names_, *name_offset);
  if (!name) return std::nullopt;
  return Function{.name = *name, .address = text_start_ + *entry, .size = *next - *entry};
}

std::optional<Pclntab::Function> Pclntab::AtEntry(uint64_t address) const {
  if (address < text_start_) return std::nullopt;
  const uint64_t wanted = address - text_start_;
  uint64_t low = 0;
  uint64_t high = count_;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    const auto entry = EntryOffset(middle);
    if (!entry) return std::nullopt;
    if (*entry < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const auto found = At(low);
  if (!found || found->address != address) return std::nullopt;
  return found;
}

}  // namespace uprobed::elf
