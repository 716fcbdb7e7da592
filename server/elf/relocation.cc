#include "server/elf/relocation.h"

#include <elf.h>

#include "server/elf/byte_reader.h"

namespace uprobed::elf {

std::optional<uint64_t> ReadPointer(const ElfFile& file, uint64_t address) {
  if (file.position_independent()) {
    const uint32_t relative =
        file.architecture() == "amd64" ? R_X86_64_RELATIVE : R_AARCH64_RELATIVE;
    const Section* relocations = file.FindSection(".rela.dyn");
    if (relocations == nullptr) relocations = file.FindSection(".rela");
    const uint64_t size = relocations == nullptr ? 0 : relocations->data.size();
    for (uint64_t offset = 0; offset < size; offset += sizeof(Elf64_Rela)) {
      const auto entry = ValueAt<Elf64_Rela>(relocations->data, offset);
      if (!entry) break;
      if (entry->r_offset == address && ELF64_R_TYPE(entry->r_info) == relative) {
        return static_cast<uint64_t>(entry->r_addend);
      }
    }
  }
  const auto word = file.ReadAddress(address, sizeof(uint64_t));
  if (!word) return std::nullopt;
  return ValueAt<uint64_t>(*word, 0);
}

}  // namespace uprobed::elf
