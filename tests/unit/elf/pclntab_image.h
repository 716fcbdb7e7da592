#ifndef UPROBED_TESTS_UNIT_ELF_PCLNTAB_IMAGE_H_
#define UPROBED_TESTS_UNIT_ELF_PCLNTAB_IMAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/elf/elf_image.h"

namespace uprobed::elf {

constexpr uint32_t kMagicGo120 = 0xfffffff1;

// Offsets of the header's fields, to damage them.
constexpr size_t kPclntabPointerSize = 7;
constexpr size_t kPclntabCount = 8;
constexpr size_t kPclntabTextStart = 24;
constexpr size_t kPclntabNames = 32;
constexpr size_t kPclntabFunctions = 64;
constexpr size_t kPclntabHeaderSize = 72;

struct PclntabEntry {
  std::string name;
  uint32_t offset;  // from the start of text
};

// The Go linker's function table for `functions`, which end at `end`. Layout: header, names,
// functab, records.
inline std::string MakePclntab(const std::vector<PclntabEntry>& functions, uint32_t end,
                               uint64_t text_start, uint32_t magic = kMagicGo120) {
  std::string names(1, '\0');
  std::string functab;
  std::string records;
  const size_t functab_size = functions.size() * 8 + 4;
  for (const PclntabEntry& function : functions) {
    Append(functab, function.offset);
    Append(functab, static_cast<uint32_t>(functab_size + records.size()));
    Append(records, function.offset);
    Append(records, static_cast<uint32_t>(names.size()));
    names += function.name + '\0';
  }
  Append(functab, end);
  names.resize((names.size() + 7) / 8 * 8);

  std::string table;
  Append(table, magic);
  table += std::string("\0\0\1\x08", 4);
  Append(table, uint64_t{functions.size()});
  Append(table, uint64_t{0});  // files
  Append(table, text_start);
  const uint64_t names_offset = kPclntabHeaderSize;
  const uint64_t functions_offset = names_offset + names.size();
  for (const uint64_t offset :
       {names_offset, functions_offset, functions_offset, functions_offset, functions_offset}) {
    Append(table, offset);
  }
  return table + names + functab + records;
}

}  // namespace uprobed::elf

#endif  // UPROBED_TESTS_UNIT_ELF_PCLNTAB_IMAGE_H_
