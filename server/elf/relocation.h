#ifndef UPROBED_SERVER_ELF_RELOCATION_H_
#define UPROBED_SERVER_ELF_RELOCATION_H_

#include <cstdint>
#include <optional>

#include "server/elf/elf_file.h"

namespace uprobed::elf {

// The pointer stored at the linked address `address`, as linked. In a position-independent binary
// the word may be zero in the file and its value in a RELATIVE relocation of .rela.dyn: then that.
// nullopt where the word is not in the file.
std::optional<uint64_t> ReadPointer(const ElfFile& file, uint64_t address);

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_RELOCATION_H_
