#ifndef UPROBED_SERVER_PROFILE_JUMP_CONDITIONS_H_
#define UPROBED_SERVER_PROFILE_JUMP_CONDITIONS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "server/elf/instructions.h"

namespace uprobed::profile {

// Where a conditional jump goes whose question is whether a value is zero.
enum class ZeroTest : uint8_t { kJumpsIfZero, kJumpsIfNotZero };

// amd64: je and jne, whatever was compared before; arm64: cbz and cbnz of a whole register. nullopt
// for any other instruction.
std::optional<ZeroTest> ZeroTestOf(elf::Architecture architecture,
                                   const std::vector<uint8_t>& bytes);

// The condition of a conditional jump as the kernel side evaluates it: Site::condition. nullopt for
// what it cannot evaluate.
std::optional<uint16_t> PackedConditionOf(elf::Architecture architecture,
                                          const std::vector<uint8_t>& bytes);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_JUMP_CONDITIONS_H_
