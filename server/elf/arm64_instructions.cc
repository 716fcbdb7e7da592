#include "server/elf/arm64_instructions.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/elf/arm64_word.h"
#include "server/elf/byte_reader.h"

namespace uprobed::elf::arm64 {
namespace {

Flow FlowOf(uint32_t word) {
  if (IsReserved(word)) return Flow::kTrap;
  if (IsBranch(word)) return Flow::kJump;
  if (IsBranchAndLink(word)) return Flow::kCall;
  // Bit 4 set: bc.cond, the same with a hint.
  if ((word & 0xff000000) == 0x54000000 || IsCompareAndBranch(word) || IsTestAndBranch(word)) {
    return Flow::kConditional;
  }
  if (IsBranchToRegister(word)) {
    switch (Bits(word, 21, 3)) {  // bit 24: with authentication of the pointer
      case 0:
        return Flow::kJump;
      case 1:
        return Flow::kCall;
      case 2:
      case 4:  // eret
        return Flow::kReturn;
      default:
        return Flow::kTrap;
    }
  }
  if (IsException(word)) return Bits(word, 21, 3) == 0 ? Flow::kNext : Flow::kTrap;  // svc; brk
  return Flow::kNext;
}

// `count` bits from bit `first`, as a signed number of words from `address`.
uint64_t Displaced(uint64_t address, uint32_t word, int first, int count) {
  const auto left = static_cast<int64_t>(uint64_t{Bits(word, first, count)} << (64 - count));
  return address + static_cast<uint64_t>(left >> (64 - count)) * kWordSize;
}

std::optional<uint64_t> TargetOf(uint32_t word, uint64_t address) {
  if (IsBranch(word) || IsBranchAndLink(word)) return Displaced(address, word, 0, 26);
  if (IsTestAndBranch(word)) return Displaced(address, word, 5, 14);
  if (FlowOf(word) == Flow::kConditional) return Displaced(address, word, 5, 19);
  return std::nullopt;
}

std::optional<uint32_t> WordOf(const std::vector<uint8_t>& bytes) {
  if (bytes.size() != kWordSize) return std::nullopt;
  return ValueAt<uint32_t>(std::as_bytes(std::span(bytes)), 0);
}

}  // namespace

absl::StatusOr<Instruction> Decode(CapstoneDecoder& decoder, std::span<const std::byte> code,
                                   uint64_t address) {
  const uint64_t size = std::min<uint64_t>(code.size(), kWordSize);
  Instruction result;
  result.architecture = Architecture::kArm64;
  result.address = address;
  result.size = static_cast<uint8_t>(size);
  for (const std::byte byte : code.first(size)) {
    result.bytes.push_back(std::to_integer<uint8_t>(byte));
  }
  const auto word = ValueAt<uint32_t>(code, 0);
  if (!word || IsReserved(*word)) {
    result.flow = Flow::kTrap;
    result.stores = true;
    return result;
  }
  result.flow = FlowOf(*word);
  result.target = TargetOf(*word, address);
  result.text =
      decoder.Decode(code, address) ? decoder.Text() : fmt::format(".inst {:#010x}", *word);
  result.written = WrittenBy(*word);
  result.stores = Stores(*word);
  return result;
}

ProbeHandling HandlingOf(const std::vector<uint8_t>& bytes) {
  const auto decoded = WordOf(bytes);
  if (!decoded || IsReserved(*decoded)) return ProbeHandling::kRefused;
  const uint32_t word = *decoded;
  const uint32_t without_register = word & 0xfffffc1f;
  const bool to_register = without_register == 0xd61f0000 || without_register == 0xd63f0000 ||
                           without_register == 0xd65f0000;  // br, blr, ret
  if (IsBranch(word) || IsBranchAndLink(word) || IsBranchIfFlags(word) ||
      IsCompareAndBranch(word) || IsTestAndBranch(word) || to_register || IsAddress(word)) {
    return ProbeHandling::kEmulated;
  }
  if (IsBranchOrSystem(word)) {
    const bool steppable = word == kNop || IsMrs(word) || IsBarrier(word);
    return steppable ? ProbeHandling::kSingleStepped : ProbeHandling::kRefused;
  }
  if (IsLiteralLoad(word) || IsExclusive(word) || IsMemoryCopyOrSet(word)) {
    return ProbeHandling::kRefused;
  }
  return ProbeHandling::kSingleStepped;
}

bool IsDirectCall(const std::vector<uint8_t>& bytes) {
  const auto word = WordOf(bytes);
  return word && IsBranchAndLink(*word);
}

std::optional<JumpCondition> ConditionOf(const std::vector<uint8_t>& bytes) {
  const auto word = WordOf(bytes);
  if (!word) return std::nullopt;
  JumpCondition condition;
  if (IsBranchIfFlags(*word)) {
    condition.code = static_cast<uint8_t>(Bits(*word, 0, 4));
    return condition;
  }
  const bool one_bit = IsTestAndBranch(*word);
  if (!one_bit && !IsCompareAndBranch(*word)) return std::nullopt;
  const uint32_t high = Bits(*word, 31, 1);
  condition.test = JumpCondition::Test::kRegister;
  condition.register_number = static_cast<uint8_t>(Bits(*word, 0, 5));
  condition.first_bit = static_cast<uint8_t>(one_bit ? high * 32 + Bits(*word, 19, 5) : 0);
  condition.bit_count = static_cast<uint8_t>(one_bit ? 1 : 32 + high * 32);
  condition.negated = Bits(*word, 24, 1) == 1;
  return condition;
}

}  // namespace uprobed::elf::arm64
