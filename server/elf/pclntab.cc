#include "server/elf/pclntab.h"

#include <fmt/format.h>

#include <climits>
#include <string>

#include "server/base/errors.h"
#include "server/elf/byte_reader.h"

namespace uprobed::elf {
namespace {

// debug/gosym/pclntab.go and internal/abi/symtab.go: the magic numbers. Between 1.18 and 1.20 only
// the order of generic names' brackets changed.
constexpr uint32_t kMagicGo12 = 0xfffffffb;
constexpr uint32_t kMagicGo116 = 0xfffffffa;
constexpr uint32_t kMagicGo118 = 0xfffffff0;
constexpr uint32_t kMagicGo120 = 0xfffffff1;

// The first words of every layout, 64-bit (runtime/symtab.go, type pcHeader).
struct Prefix {
  uint32_t magic;
  uint8_t pad[2];
  uint8_t min_instruction_size;
  uint8_t pointer_size;
  uint64_t function_count;
};
static_assert(sizeof(Prefix) == 16);

// Where the parts are, from the start of the table.
struct Parts {
  uint64_t text_start = 0;  // itself, no offset; 0 where the header has none
  uint64_t names = 0;
  uint64_t functab = 0;
  uint64_t records = 0;
};

bool IsKnownMagic(uint32_t magic) {
  return magic == kMagicGo12 || magic == kMagicGo116 || magic == kMagicGo118 ||
         magic == kMagicGo120;
}

bool IsPlausible(const Prefix& prefix) {
  return prefix.pad[0] == 0 && prefix.pad[1] == 0 &&
         (prefix.min_instruction_size == 1 || prefix.min_instruction_size == 4) &&
         prefix.pointer_size == 8;
}

std::optional<Parts> ReadParts(std::span<const std::byte> table, uint32_t magic) {
  // Go 1.15, runtime/symtab.go, moduledataverify1: the functab follows the count; names and records
  // count from the start of the table.
  if (magic == kMagicGo12) return Parts{.functab = sizeof(Prefix)};
  // Type pcHeader. Both: count of files, [text start,] names, units, files, tables, functab. The
  // records count from the functab.
  const bool has_text_start = magic != kMagicGo116;
  const uint64_t names_field = has_text_start ? 32 : 24;
  const uint64_t functab_field = names_field + 4 * sizeof(uint64_t);
  const auto text_start = has_text_start ? ValueAt<uint64_t>(table, 24) : uint64_t{0};
  const auto names = ValueAt<uint64_t>(table, names_field);
  const auto functab = ValueAt<uint64_t>(table, functab_field);
  if (!text_start || !names || !functab) return std::nullopt;
  return Parts{
      .text_start = *text_start, .names = *names, .functab = *functab, .records = *functab};
}

}  // namespace

absl::Status PclntabMalformed(std::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PCLNTAB_MALFORMED",
                   fmt::format("the Go function table can't be read: {}; build the program again "
                               "without tools that rewrite it",
                               what));
}

bool LooksLikePclntab(std::span<const std::byte> bytes) {
  const auto prefix = ValueAt<Prefix>(bytes, 0);
  return prefix && IsKnownMagic(prefix->magic) && IsPlausible(*prefix);
}

absl::StatusOr<Pclntab> Pclntab::Parse(std::span<const std::byte> table, uint64_t text_start) {
  const auto prefix = ValueAt<Prefix>(table, 0);
  if (!prefix) return PclntabMalformed("its header is incomplete");
  if (!IsKnownMagic(prefix->magic)) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "PCLNTAB_VERSION_UNSUPPORTED",
                     fmt::format("the Go function table has the unknown magic {:#x}: the program "
                                 "is obfuscated (garble does this), or of a newer Go than this "
                                 "daemon knows; give a build that is not obfuscated",
                                 prefix->magic));
  }
  if (!IsPlausible(*prefix)) return PclntabMalformed("its header is not one of a 64-bit program");
  const auto parts = ReadParts(table, prefix->magic);
  if (!parts) return PclntabMalformed("its header is incomplete");
  if (parts->names > table.size() || parts->functab > table.size()) {
    return PclntabMalformed("its parts are outside of its section");
  }
  Pclntab result;
  result.magic_ = prefix->magic;
  result.count_ = prefix->function_count;
  result.names_ = table.subspan(parts->names);
  result.functab_ = table.subspan(parts->functab);
  result.records_ = table.subspan(parts->records);
  if (!result.IsAbsolute()) {
    result.text_start_ = parts->text_start != 0 ? parts->text_start : text_start;
  }
  const uint64_t available = result.functab_.size() / result.EntrySize();
  if (result.count_ == 0 || result.count_ > available) {
    return PclntabMalformed(fmt::format("it claims {} functions", result.count_));
  }
  // The sentinel behind the last entry holds the end of the last function.
  const uint64_t size = result.count_ * result.EntrySize() + result.EntrySize() / 2;
  if (size < result.functab_.size()) result.functab_ = result.functab_.first(size);
  return result;
}

Pclntab::Releases Pclntab::releases() const {
  switch (magic_) {
    case kMagicGo12:
      return {.first = 2, .last = 15};
    case kMagicGo116:
      return {.first = 16, .last = 17};
    case kMagicGo118:
      return {.first = 18, .last = 19};
    default:
      return {.first = 20, .last = INT_MAX};
  }
}

bool Pclntab::IsAbsolute() const { return magic_ == kMagicGo12 || magic_ == kMagicGo116; }

// runtime/symtab.go, type functab: two pointers until Go 1.17, two offsets of 32 bits since.
uint64_t Pclntab::EntrySize() const {
  return IsAbsolute() ? 2 * sizeof(uint64_t) : 2 * sizeof(uint32_t);
}

std::optional<uint64_t> Pclntab::EntryOffset(uint64_t index) const {
  if (index > count_) return std::nullopt;
  if (IsAbsolute()) return ValueAt<uint64_t>(functab_, index * EntrySize());
  return ValueAt<uint32_t>(functab_, index * EntrySize());
}

std::optional<uint64_t> Pclntab::RecordOffset(uint64_t index) const {
  if (index >= count_) return std::nullopt;
  const uint64_t field = index * EntrySize() + EntrySize() / 2;
  if (IsAbsolute()) return ValueAt<uint64_t>(functab_, field);
  return ValueAt<uint32_t>(functab_, field);
}

std::optional<Pclntab::Function> Pclntab::At(uint64_t index) const {
  const auto entry = EntryOffset(index);
  const auto next = EntryOffset(index + 1);
  const auto record = RecordOffset(index);
  if (!entry || !next || !record || *next < *entry) return std::nullopt;
  // runtime/runtime2.go, type _func: the entry, as in the functab, then int32 nameOff and int32
  // args.
  const uint64_t name_field = EntrySize() / 2;
  const uint64_t args_field = name_field + sizeof(uint32_t);
  const auto content = BytesAt(records_, *record, args_field);
  if (!content) return std::nullopt;
  const auto name = StringAt(names_, *ValueAt<uint32_t>(*content, name_field));
  if (!name) return std::nullopt;
  std::optional<uint32_t> stack_bytes = ValueAt<uint32_t>(records_, *record + args_field);
  // Negative in assembly that declares none (runtime/funcdata.h, ArgsSizeUnknown).
  if (stack_bytes && *stack_bytes > INT32_MAX) stack_bytes.reset();
  return Function{.name = *name,
                  .address = text_start_ + *entry,
                  .size = *next - *entry,
                  .stack_bytes = stack_bytes};
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
