#ifndef UPROBED_SERVER_ELF_AMD64_INSTRUCTIONS_H_
#define UPROBED_SERVER_ELF_AMD64_INSTRUCTIONS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/capstone_decoder.h"
#include "server/elf/instructions.h"

namespace uprobed::elf::amd64 {

// What instructions.h says, for x86-64.

// The instruction at the start of `code`, which is not empty.
absl::StatusOr<Instruction> Decode(CapstoneDecoder& decoder, std::span<const std::byte> code,
                                   uint64_t address);

// Emulated are nop (90), jmp and call rel8/rel32, jcc rel8/rel32, push r64
// (arch/x86/kernel/uprobes.c: branch_setup_xol_ops, push_setup_xol_ops).
ProbeHandling HandlingOf(const std::vector<uint8_t>& bytes);
bool IsDirectCall(const std::vector<uint8_t>& bytes);
std::optional<JumpCondition> ConditionOf(const std::vector<uint8_t>& bytes);

}  // namespace uprobed::elf::amd64

#endif  // UPROBED_SERVER_ELF_AMD64_INSTRUCTIONS_H_
