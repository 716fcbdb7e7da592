#ifndef UPROBED_SERVER_ELF_INSTRUCTIONS_H_
#define UPROBED_SERVER_ELF_INSTRUCTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"

namespace uprobed::elf {

enum class Flow : uint8_t {
  kNext,         // falls through
  kCall,         // comes back behind itself
  kJump,         // goes to target only
  kConditional,  // goes to target or falls through
  kReturn,
  kTrap,  // ud2, int3, hlt: does not come back
};

// One decoded x86-64 instruction.
struct Instruction {
  uint64_t address = 0;
  uint8_t size = 0;  // bytes
  Flow flow = Flow::kNext;
  std::optional<uint64_t> target;  // of a direct call or jump
  std::vector<uint8_t> bytes;
  std::string text;                  // "call 0x4644a0"
  std::vector<std::string> written;  // 64-bit names of the registers it writes: "rax"
  bool stores = false;               // to memory that an operand names
};

// Decodes [address, address + size) of an amd64 `file`. An instruction that does not decode becomes
// one of size 1 with flow kTrap and empty text, so that one odd byte does not lose the function.
// OUT_OF_RANGE FUNCTION_OUT_OF_RANGE where the range is not in the file; INTERNAL where Capstone
// fails.
absl::StatusOr<std::vector<Instruction>> Disassemble(const ElfFile& file, uint64_t address,
                                                     uint64_t size);

// Whether the x86-64 kernel emulates the instruction inside the uprobe's trap instead of
// single-stepping a copy: nop (90), jmp and call rel8/rel32, jcc rel8/rel32, push r64
// (arch/x86/kernel/uprobes.c: branch_setup_xol_ops, push_setup_xol_ops).
bool KernelEmulates(const std::vector<uint8_t>& bytes);

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_INSTRUCTIONS_H_
