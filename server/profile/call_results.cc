#include "server/profile/call_results.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include "server/profile/jump_conditions.h"

namespace uprobed::profile {
namespace {

bool Writes(const elf::Instruction& instruction, std::string_view register_name) {
  return std::find(instruction.written.begin(), instruction.written.end(), register_name) !=
         instruction.written.end();
}

// A register's number in the encoding: 0 for rax and x0, 15 for r15.
using RegisterNumber = int;

// The register that `test r, r` tests (Intel SDM volume 2, TEST: REX.W 85 /r).
std::optional<RegisterNumber> TestedForZero(const elf::Instruction& instruction) {
  const std::vector<uint8_t>& bytes = instruction.bytes;
  if (bytes.size() != 3 || bytes[1] != 0x85 || bytes[2] < 0xc0) return std::nullopt;
  const bool high = bytes[0] == 0x4d;
  if (!high && bytes[0] != 0x48) return std::nullopt;
  const int first = bytes[2] >> 3 & 7;
  if (first != (bytes[2] & 7)) return std::nullopt;
  return first + (high ? 8 : 0);
}

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

constexpr RegisterNumber kRax = 0;
constexpr RegisterNumber kRbx = 3;
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

// `mov r, offset(%rsp)` or `mov offset(%rsp), r` of eight bytes (Intel SDM volume 2, MOV: REX.W 89
// /r and 8B /r, with a SIB byte for rsp and a displacement of 8 or 32 bits).
struct StackMove {
  bool loads = false;
  RegisterNumber register_number = 0;
  int32_t offset = 0;
};

std::optional<StackMove> StackMoveOf(const elf::Instruction& instruction) {
  const std::vector<uint8_t>& bytes = instruction.bytes;
  if (bytes.size() < 5 || (bytes[0] != 0x48 && bytes[0] != 0x4c) || bytes[3] != 0x24) {
    return std::nullopt;
  }
  if (bytes[1] != 0x89 && bytes[1] != 0x8b) return std::nullopt;
  StackMove move;
  move.loads = bytes[1] == 0x8b;
  move.register_number = (bytes[2] >> 3 & 7) + (bytes[0] == 0x4c ? 8 : 0);
  if ((bytes[2] & 0xc7) == 0x44 && bytes.size() == 5) {
    move.offset = bytes[4] < 0x80 ? bytes[4] : bytes[4] - 0x100;
  } else if ((bytes[2] & 0xc7) == 0x84 && bytes.size() == 8) {
    move.offset = static_cast<int32_t>(uint32_t{bytes[4]} | uint32_t{bytes[5]} << 8 |
                                       uint32_t{bytes[6]} << 16 | uint32_t{bytes[7]} << 24);
  } else {
    return std::nullopt;
  }
  return move;
}

constexpr std::array<std::string_view, 16> kAmd64Registers = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

// Which registers and places of the frame hold one word.
class Holders {
 public:
  explicit Holders(CallAbi abi) {
    if (abi == CallAbi::kAmd64Stack) {
      offsets_.insert(kFirstResultOnStack);
    } else {
      registers_.insert(kRax);
    }
  }

  bool Has(RegisterNumber number) const { return registers_.contains(number); }

  void Pass(const elf::Instruction& instruction) {
    if (instruction.flow == elf::Flow::kCall) {
      // No register is saved by a callee, and on the stack it writes its results.
      registers_.clear();
      offsets_.erase(kFirstResultOnStack);
      return;
    }
    const std::optional<StackMove> move = StackMoveOf(instruction);
    if (move && !move->loads) {
      if (Has(move->register_number)) {
        offsets_.insert(move->offset);
      } else {
        offsets_.erase(move->offset);
      }
      return;
    }
    for (RegisterNumber number = 0; number < static_cast<int>(kAmd64Registers.size()); ++number) {
      if (Writes(instruction, kAmd64Registers.at(static_cast<size_t>(number)))) {
        registers_.erase(number);
      }
    }
    if (move && offsets_.contains(move->offset)) registers_.insert(move->register_number);
  }

 private:
  std::set<RegisterNumber> registers_;
  std::set<int32_t> offsets_;  // from the stack pointer
};

// What lies between recover() and the test of its value has at most 30 instructions in Go 1.15 to
// 1.27.
constexpr int kMaxLaterLine = 64;

}  // namespace

bool KeepsFirstTwoWords(const elf::Instruction& instruction, CallAbi abi) {
  switch (abi) {
    case CallAbi::kAmd64Stack:
      return !Writes(instruction, "rsp") && !instruction.stores;
    case CallAbi::kAmd64Registers:
      return !Writes(instruction, "rax") && !Writes(instruction, "rbx");
    case CallAbi::kArm64Registers:
      return !Writes(instruction, "x0") && !Writes(instruction, "x1");
  }
  return false;
}

bool KeepsFirstFourWords(const elf::Instruction& instruction, CallAbi abi) {
  if (!KeepsFirstTwoWords(instruction, abi)) return false;
  switch (abi) {
    case CallAbi::kAmd64Stack:
      return true;
    case CallAbi::kAmd64Registers:
      return !Writes(instruction, "rcx") && !Writes(instruction, "rdi");
    case CallAbi::kArm64Registers:
      return !Writes(instruction, "x2") && !Writes(instruction, "x3");
  }
  return false;
}

std::vector<size_t> StraightLineBehind(const ControlFlow& flow, size_t node, CallAbi abi) {
  std::vector<size_t> line;
  while (static_cast<int>(line.size()) < kMaxStraightLine && flow.successors(node).size() == 1) {
    node = flow.successors(node).front();
    line.push_back(node);
    const elf::Instruction& instruction = flow.at(node);
    const bool passes =
        instruction.flow == elf::Flow::kNext || instruction.flow == elf::Flow::kJump;
    if (!passes || !KeepsFirstTwoWords(instruction, abi)) break;
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
  size_t node = call;
  for (int step = 0; step < kMaxStraightLine && flow.successors(node).size() == 1; ++step) {
    node = flow.successors(node).front();
    const elf::Instruction& instruction = flow.at(node);
    if (instruction.flow == elf::Flow::kConditional) {
      if (!CanTestWord(instruction, abi, kX0)) return std::nullopt;
      const bool holds = abi == CallAbi::kArm64Registers || (tested && tested == holder);
      return holds ? std::optional(node) : std::nullopt;
    }
    if (instruction.flow != elf::Flow::kNext) return std::nullopt;
    tested = TestedForZero(instruction);
    if (abi == CallAbi::kAmd64Registers && Writes(instruction, "rax")) return std::nullopt;
    if (abi == CallAbi::kArm64Registers && Writes(instruction, "x0")) return std::nullopt;
    if (abi == CallAbi::kAmd64Stack && !tested) {
      if (const auto loaded = LoadedFromStack(instruction, kFirstResultOnStack)) holder = loaded;
    }
  }
  return std::nullopt;
}

std::optional<size_t> LaterTestOfFirstResult(const ControlFlow& flow, size_t call, CallAbi abi) {
  Holders holders(abi);
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
    holders.Pass(instruction);
  }
  return std::nullopt;
}

}  // namespace uprobed::profile
