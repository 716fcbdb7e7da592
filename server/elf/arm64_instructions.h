#ifndef UPROBED_SERVER_ELF_ARM64_INSTRUCTIONS_H_
#define UPROBED_SERVER_ELF_ARM64_INSTRUCTIONS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/capstone_decoder.h"
#include "server/elf/instructions.h"

namespace uprobed::elf::arm64 {

// What instructions.h says, for AArch64. Every instruction is a word of 4 bytes whose fields have
// fixed places (Arm ARM DDI 0487, C4.1), so that all facts come from the word itself; Capstone
// gives the text only: version 4 says that cmp writes its operand, and does not know casal.

// The instruction at the start of `code`, which is not empty.
absl::StatusOr<Instruction> Decode(CapstoneDecoder& decoder, std::span<const std::byte> code,
                                   uint64_t address);

// Emulated ("simulated") are b, b.cond, bl, cbz, cbnz, tbz, tbnz, br, blr, ret, adr and adrp; no
// uprobe can be on loads of literals, exclusive accesses, and what changes the system or raises an
// exception (arch/arm64/kernel/probes/decode-insn.c: arm_probe_decode_insn, and
// aarch64_insn_is_steppable). Kernels differ in nop, which is emulated since 6.13, in loads of
// literals, which were emulated, unsafely, until 6.11, and in hints: what only some do does not
// count.
ProbeHandling HandlingOf(const std::vector<uint8_t>& bytes);
bool IsDirectCall(const std::vector<uint8_t>& bytes);
std::optional<JumpCondition> ConditionOf(const std::vector<uint8_t>& bytes);

// Names of the registers that the instruction `word` writes: "x0" to "x30", "sp", "nzcv".
std::vector<std::string> WrittenBy(uint32_t word);
bool Stores(uint32_t word);

}  // namespace uprobed::elf::arm64

#endif  // UPROBED_SERVER_ELF_ARM64_INSTRUCTIONS_H_
