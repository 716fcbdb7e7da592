#ifndef UPROBED_SERVER_ELF_RELOCATION_H_
#define UPROBED_SERVER_ELF_RELOCATION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "server/elf/elf_file.h"

namespace uprobed::elf {

// Pointers as linked. In a position-independent binary the word of a pointer may be zero in the
// file and its value in a RELATIVE relocation with addend (DT_RELA), which then counts. Relocations
// without addend (DT_RELR) have the value in the file's word already.

// The pointer at the linked address `address`; nullopt where the word is not in the file.
std::optional<uint64_t> ReadPointer(const ElfFile& file, uint64_t address);

// A copy of `bytes`, which are at the linked address `address`, with each relocated pointer in it.
std::vector<std::byte> Relocate(const ElfFile& file, uint64_t address,
                                std::span<const std::byte> bytes);

// Calls `visit` with the address and the value of each word of the writable segments, and of each
// relocated one, that may be a pointer, until it returns true. A word can be visited twice.
void VisitPointers(const ElfFile& file,
                   const std::function<bool(uint64_t address, uint64_t value)>& visit);

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_RELOCATION_H_
