#ifndef UPROBED_SERVER_ELF_INSTRUCTIONS_H_
#define UPROBED_SERVER_ELF_INSTRUCTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/architecture.h"
#include "server/elf/elf_file.h"

namespace uprobed::elf {

enum class Flow : uint8_t {
  kNext,         // falls through
  kCall,         // comes back behind itself
  kJump,         // goes to target only
  kConditional,  // goes to target or falls through
  kReturn,
  kTrap,  // ud2, int3, hlt, udf, brk: does not come back
};

// One decoded instruction.
struct Instruction {
  Architecture architecture = Architecture::kAmd64;
  uint64_t address = 0;
  uint8_t size = 0;  // bytes
  Flow flow = Flow::kNext;
  std::optional<uint64_t> target;  // of a direct call or jump
  std::vector<uint8_t> bytes;
  std::string text;  // "call 0x4644a0"
  // 64-bit names of the registers it writes ("rax", "x0"); the flags are "rflags" and "nzcv".
  std::vector<std::string> written;
  bool stores = false;  // to memory that an operand names
};

// Decodes [address, address + size) of `file`. An instruction that does not decode becomes one of
// the smallest size there is (1 byte on amd64, 4 on arm64) with flow kTrap and empty text, so that
// one odd byte does not lose the function. OUT_OF_RANGE FUNCTION_OUT_OF_RANGE where the range is
// not in the file; INTERNAL where Capstone fails.
absl::StatusOr<std::vector<Instruction>> Disassemble(const ElfFile& file, uint64_t address,
                                                     uint64_t size);

// What follows from the bytes of one instruction alone.

// How a kernel runs an instruction that a uprobe replaced.
enum class ProbeHandling : uint8_t {
  kEmulated,       // inside the trap
  kSingleStepped,  // a copy of it, which costs a second trap
  kRefused,        // not at all: no uprobe can be placed on it
};
ProbeHandling HandlingOf(Architecture architecture, const std::vector<uint8_t>& bytes);

// Whether kernels emulate it; not the case where only some do.
bool KernelEmulates(Architecture architecture, const std::vector<uint8_t>& bytes);

// A call whose target is in the instruction.
bool IsDirectCall(Architecture architecture, const std::vector<uint8_t>& bytes);

// What a conditional jump depends on.
struct JumpCondition {
  enum class Test : uint8_t {
    kFlags,     // `code` says which; the lowest bit negates it
    kRegister,  // jumps where these bits of the register are all zero
  };
  Test test = Test::kFlags;
  uint8_t code = 0;             // kFlags: as the instruction encodes it (amd64: jcc, arm64: b.cond)
  uint8_t register_number = 0;  // kRegister: 0 for x0; 31 is none and reads as zero
  uint8_t first_bit = 0;        // kRegister: where the tested bits begin
  uint8_t bit_count = 0;        // kRegister: 1, 32 or 64
  bool negated = false;         // kRegister: jumps where they are not all zero
  bool operator==(const JumpCondition&) const = default;
};
// nullopt for anything but a conditional jump, and for those of amd64 that test no flags.
std::optional<JumpCondition> ConditionOf(Architecture architecture,
                                         const std::vector<uint8_t>& bytes);

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_INSTRUCTIONS_H_
