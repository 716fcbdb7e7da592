#include "server/profile/call_results.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include "server/profile/jump_conditions.h"
#include "server/profile/operands.h"
#include "server/profile/word_holders.h"

namespace uprobed::profile {
namespace {

// The register that `mov offset(%rsp), r` loads (Intel SDM volume 2, MOV: REX.W 8B /r, with a SIB
// byte for rsp and an 8-bit displacement).
std::optional<RegisterNumber> LoadedFromStack(const elf::Instruction& instruction, uint8_t offset) {
  const std::vector<uint8_t>& bytes = instruction.bytes;
  if (bytes.size() != 5 || bytes[1] != 0x8b || (bytes[2] & 0xc7) != 0x44 || bytes[3] != 0x24 ||
      bytes[4] != offset) {
    return std::nullopt;
  }
  const bool high = bytes[0] == 0x4c;
  if (!high && bytes[0] != 0x48) return std::nullopt;
  return (bytes[2] >> 3 & 7) + (high ? 8 : 0);
}

constexpr RegisterNumber kX0 = 0;
constexpr RegisterNumber kX1 = 1;

// What can test a word: `cbz` and `cbnz` of its register by themselves, je and jne by the flags.
bool CanTestWord(const elf::Instruction& instruction, CallAbi abi, RegisterNumber arm64_register) {
  if (!ZeroTestOf(instruction.architecture, instruction.bytes)) return false;
  return abi != CallAbi::kArm64Registers ||
         elf::ConditionOf(instruction.architecture, instruction.bytes)->register_number ==
             arm64_register;
}

// Where a call of a method that takes one word has put the type word of the error: behind the
// receiver, the argument and the pointer.
constexpr uint8_t kErrorOnStack = 24;

// Where a call of a function that takes one word has put its result.
constexpr uint8_t kFirstResultOnStack = 8;

// What lies between recover() and the test of its value has at most 30 instructions in Go 1.15 to
// 1.27.
constexpr int kMaxLaterLine = 64;

}  // namespace

bool KeepsFirstWords(const elf::Instruction& instruction, CallAbi abi, size_t count) {
  constexpr std::array<RegisterNumber, 4> kAmd64 = {kRax, kRbx, kRcx, kRdi};
  constexpr std::array<RegisterNumber, 4> kArm64 = {0, 1, 2, 3};
  if (abi == CallAbi::kAmd64Stack) return !Writes(instruction, "rsp") && !instruction.stores;
  const auto& registers = abi == CallAbi::kArm64Registers ? kArm64 : kAmd64;
  return std::none_of(registers.begin(), registers.begin() + std::min(count, registers.size()),
                      [&instruction](RegisterNumber number) {
                        return Writes(instruction, RegisterName(instruction.architecture, number));
                      });
}

std::vector<size_t> StraightLineBehind(const ControlFlow& flow, size_t node, CallAbi abi) {
  std::vector<size_t> line;
  while (static_cast<int>(line.size()) < kMaxStraightLine && flow.successors(node).size() == 1) {
    node = flow.successors(node).front();
    line.push_back(node);
    const elf::Instruction& instruction = flow.at(node);
    const bool passes =
        instruction.flow == elf::Flow::kNext || instruction.flow == elf::Flow::kJump;
    if (!passes || !KeepsFirstWords(instruction, abi, kExchangeWords)) break;
  }
  return line;
}

bool EndsInTestOfError(const ControlFlow& flow, const std::vector<size_t>& line, CallAbi abi) {
  if (line.empty() || !CanTestWord(flow.at(line.back()), abi, kX1)) return false;
  if (abi == CallAbi::kArm64Registers) return true;
  if (line.size() < 2) return false;
  const std::optional<RegisterNumber> tested = TestedForZero(flow.at(line[line.size() - 2]));
  if (!tested || abi == CallAbi::kAmd64Registers) return tested == kRbx;
  return std::any_of(line.begin(), line.end(), [&](size_t node) {
    return LoadedFromStack(flow.at(node), kErrorOnStack) == tested;
  });
}

std::optional<size_t> TestOfFirstResult(const ControlFlow& flow, size_t call, CallAbi abi) {
  // The register that holds the word, once it does.
  std::optional<RegisterNumber> holder;
  if (abi == CallAbi::kAmd64Registers) holder = kRax;
  std::optional<RegisterNumber> tested;
  bool compared = false;
  size_t node = call;
  for (int step = 0; step < kMaxStraightLine && flow.successors(node).size() == 1; ++step) {
    node = flow.successors(node).front();
    const elf::Instruction& instruction = flow.at(node);
    if (instruction.flow == elf::Flow::kConditional) {
      if (!CanTestWord(instruction, abi, kX0)) return std::nullopt;
      const bool holds =
          abi == CallAbi::kArm64Registers || compared || (tested && tested == holder);
      return holds ? std::optional(node) : std::nullopt;
    }
    if (instruction.flow != elf::Flow::kNext) return std::nullopt;
    tested = TestedForZero(instruction);
    compared =
        abi == CallAbi::kAmd64Stack && ComparesStackWordWithZero(instruction, kFirstResultOnStack);
    if (abi == CallAbi::kAmd64Registers && Writes(instruction, "rax")) return std::nullopt;
    if (abi == CallAbi::kArm64Registers && Writes(instruction, "x0")) return std::nullopt;
    if (abi == CallAbi::kAmd64Stack && !tested) {
      if (const auto loaded = LoadedFromStack(instruction, kFirstResultOnStack)) holder = loaded;
    }
  }
  return std::nullopt;
}

std::optional<size_t> LaterTestOfFirstResult(const ControlFlow& flow, size_t call, CallAbi abi) {
  WordHolders holders = abi == CallAbi::kAmd64Stack
                            ? WordHolders(elf::Architecture::kAmd64, {}, {kFirstResultOnStack})
                            : WordHolders(elf::Architecture::kAmd64, {kRax}, {});
  std::optional<RegisterNumber> tested;
  size_t node = call;
  for (int step = 0; step < kMaxLaterLine && flow.successors(node).size() == 1; ++step) {
    node = flow.successors(node).front();
    const elf::Instruction& instruction = flow.at(node);
    if (instruction.flow == elf::Flow::kConditional) {
      if (!ZeroTestOf(instruction.architecture, instruction.bytes)) return std::nullopt;
      // On arm64 it is the first test of a whole register; what that holds is not followed.
      const bool holds = abi == CallAbi::kArm64Registers || (tested && holders.Has(*tested));
      return holds ? std::optional(node) : std::nullopt;
    }
    tested = TestedForZero(instruction);
    if (instruction.flow == elf::Flow::kCall) {
      holders.PassCall();
    } else {
      holders.Pass(instruction);
    }
  }
  return std::nullopt;
}

}  // namespace uprobed::profile
