#include "server/elf/relocation.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "server/elf/byte_reader.h"

namespace uprobed::elf {
namespace {

// The table that the loader reads; without a dynamic section, the one with a known name. Go's own
// linker calls it .rela, a system linker .rela.dyn.
std::span<const std::byte> RelocationTable(const ElfFile& file) {
  const auto address = file.DynamicEntry(DT_RELA);
  const auto size = file.DynamicEntry(DT_RELASZ);
  if (address && size) {
    if (const auto table = file.ReadAddress(*address, *size)) return *table;
  }
  for (const char* name : {".rela.dyn", ".rela"}) {
    if (const Section* section = file.FindSection(name)) return section->data;
  }
  return {};
}

// Calls `visit` with each RELATIVE relocation until it returns true.
template <typename Visitor>
void VisitRelocations(const ElfFile& file, Visitor visit) {
  if (!file.position_independent()) return;
  const uint32_t relative =
      file.architecture() == Architecture::kAmd64 ? R_X86_64_RELATIVE : R_AARCH64_RELATIVE;
  const std::span<const std::byte> table = RelocationTable(file);
  uint64_t offset = 0;
  while (const auto entry = ValueAt<Elf64_Rela>(table, offset)) {
    offset += sizeof(Elf64_Rela);
    if (ELF64_R_TYPE(entry->r_info) != relative) continue;
    if (visit(entry->r_offset, static_cast<uint64_t>(entry->r_addend))) return;
  }
}

}  // namespace

std::optional<uint64_t> ReadPointer(const ElfFile& file, uint64_t address) {
  std::optional<uint64_t> found;
  VisitRelocations(file, [&found, address](uint64_t place, uint64_t value) {
    if (place == address) found = value;
    return found.has_value();
  });
  if (found) return found;
  const auto word = file.ReadAddress(address, sizeof(uint64_t));
  if (!word) return std::nullopt;
  return ValueAt<uint64_t>(*word, 0);
}

std::vector<std::byte> Relocate(const ElfFile& file, uint64_t address,
                                std::span<const std::byte> bytes) {
  std::vector<std::byte> result(bytes.begin(), bytes.end());
  VisitRelocations(file, [&result, address](uint64_t place, uint64_t value) {
    const uint64_t offset = place - address;  // huge where the place is before
    if (offset < result.size() && result.size() - offset >= sizeof(value)) {
      std::memcpy(result.data() + offset, &value, sizeof(value));
    }
    return false;
  });
  return result;
}

void VisitPointers(const ElfFile& file,
                   const std::function<bool(uint64_t address, uint64_t value)>& visit) {
  bool done = false;
  VisitRelocations(file, [&done, &visit](uint64_t place, uint64_t value) {
    done = visit(place, value);
    return done;
  });
  // Segments that overlap are a trap: together no more is read than the file has.
  uint64_t budget = file.size();
  for (const Segment& segment : file.segments()) {
    if ((segment.flags & PF_W) == 0) continue;
    const uint64_t size = std::min<uint64_t>(budget, segment.data.size());
    budget -= size;
    constexpr uint64_t kWord = sizeof(uint64_t);
    const uint64_t misaligned = segment.address % kWord;
    for (uint64_t offset = misaligned == 0 ? 0 : kWord - misaligned; !done && offset < size;
         offset += kWord) {
      const auto value = ValueAt<uint64_t>(segment.data, offset);
      if (value && *value != 0) done = visit(segment.address + offset, *value);
    }
  }
}

}  // namespace uprobed::elf
