#include "server/profile/jump_conditions.h"

#include "bpf/abi/site_cookie.h"

namespace uprobed::profile {

std::optional<ZeroTest> ZeroTestOf(elf::Architecture architecture,
                                   const std::vector<uint8_t>& bytes) {
  const auto condition = elf::ConditionOf(architecture, bytes);
  if (!condition) return std::nullopt;
  if (condition->test == elf::JumpCondition::Test::kRegister) {
    if (condition->bit_count != 64) return std::nullopt;
    return condition->negated ? ZeroTest::kJumpsIfNotZero : ZeroTest::kJumpsIfZero;
  }
  // Intel SDM volume 2, Jcc.
  constexpr uint8_t kEqual = 4;
  constexpr uint8_t kNotEqual = 5;
  if (architecture != elf::Architecture::kAmd64) return std::nullopt;
  if (condition->code == kEqual) return ZeroTest::kJumpsIfZero;
  if (condition->code == kNotEqual) return ZeroTest::kJumpsIfNotZero;
  return std::nullopt;
}

std::optional<uint16_t> PackedConditionOf(elf::Architecture architecture,
                                          const std::vector<uint8_t>& bytes) {
  const auto condition = elf::ConditionOf(architecture, bytes);
  if (!condition) return std::nullopt;
  if (condition->test == elf::JumpCondition::Test::kFlags) return condition->code;
  int packed = UP_CONDITION_ON_REGISTER | condition->register_number |
               condition->first_bit << UP_CONDITION_FIRST_BIT_SHIFT;
  if (condition->bit_count == 1) packed |= UP_CONDITION_ONE_BIT;
  if (condition->bit_count == 32) packed |= UP_CONDITION_LOW_HALF;
  if (condition->negated) packed |= UP_CONDITION_NOT_ZERO;
  return static_cast<uint16_t>(packed);
}

}  // namespace uprobed::profile
