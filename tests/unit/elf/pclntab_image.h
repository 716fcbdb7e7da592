#ifndef UPROBED_TESTS_UNIT_ELF_PCLNTAB_IMAGE_H_
#define UPROBED_TESTS_UNIT_ELF_PCLNTAB_IMAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/elf/elf_image.h"

namespace uprobed::elf {

constexpr uint32_t kMagicGo12 = 0xfffffffb;
constexpr uint32_t kMagicGo116 = 0xfffffffa;
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
  uint32_t offset;           // from the start of text
  uint32_t stack_bytes = 0;  // old layouts only
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

// Where the functab of an old table begins: its 64-bit entries are the absolute addresses that a
// position-independent program has relocated.
inline uint64_t OldFunctab(const std::string& table) {
  uint32_t magic = 0;
  std::memcpy(&magic, table.data(), sizeof(magic));
  if (magic == kMagicGo12) return 16;
  uint64_t offset = 0;
  std::memcpy(&offset, table.data() + 56, sizeof(offset));
  return offset;
}

// As MakePclntab, in the layout of Go 1.2 to 1.15 (kMagicGo12) or of 1.16 and 1.17 (kMagicGo116).
inline std::string MakeOldPclntab(const std::vector<PclntabEntry>& functions, uint32_t end,
                                  uint64_t text_start, uint32_t magic) {
  const bool go12 = magic == kMagicGo12;
  std::string names(1, '\0');
  for (const PclntabEntry& function : functions) names += function.name + '\0';
  names.resize((names.size() + 7) / 8 * 8);

  const uint64_t header_size = go12 ? 16 : 64;
  const uint64_t functab_size = functions.size() * 16 + 8;
  // Go 1.15: functab, records, names, all found from the table's start. Go 1.16: names, functab,
  // records, found from the starts of their parts.
  const uint64_t first_record = functab_size + (go12 ? header_size : 0);
  uint64_t name_offset = 1 + (go12 ? first_record + functions.size() * 16 : 0);
  std::string functab;
  std::string records;
  for (const PclntabEntry& function : functions) {
    Append(functab, text_start + function.offset);
    Append(functab, first_record + records.size());
    Append(records, text_start + function.offset);
    Append(records, static_cast<uint32_t>(name_offset));
    Append(records, function.stack_bytes);
    name_offset += function.name.size() + 1;
  }
  Append(functab, text_start + end);

  std::string table;
  Append(table, magic);
  table += std::string("\0\0\1\x08", 4);
  Append(table, uint64_t{functions.size()});
  if (go12) return table + functab + records + names;
  const uint64_t functab_offset = header_size + names.size();
  for (const uint64_t word :
       {uint64_t{0}, header_size, functab_offset, functab_offset, functab_offset, functab_offset}) {
    Append(table, word);
  }
  return table + names + functab + records;
}

}  // namespace uprobed::elf

#endif  // UPROBED_TESTS_UNIT_ELF_PCLNTAB_IMAGE_H_
