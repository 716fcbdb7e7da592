#include "server/profile/word_holders.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/profile/symbolic.h"

namespace uprobed::profile {
namespace {

// Of eight bytes, between a register and a place at an offset from the stack pointer.
struct StackMove {
  bool loads = false;
  RegisterNumber register_number = 0;
  int32_t offset = 0;
};

// `mov r, offset(%rsp)` or `mov offset(%rsp), r` (Intel SDM volume 2, MOV: REX.W 89 /r and 8B /r,
// with a SIB byte for rsp and a displacement of 8 or 32 bits).
std::optional<StackMove> Amd64StackMoveOf(const std::vector<uint8_t>& bytes) {
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

// `str x, [sp, #offset]`, `stp` and the loads (Arm ARM, "STR (immediate)" with an unsigned offset,
// "STP" with a signed one).
std::vector<StackMove> Arm64StackMovesOf(const std::vector<uint8_t>& bytes) {
  if (bytes.size() != 4) return {};
  const uint32_t word = uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 |
                        uint32_t{bytes[3]} << 24;
  constexpr uint32_t kStackPointer = 31;
  if ((word >> 5 & 0x1f) != kStackPointer) return {};
  const bool loads = (word >> 22 & 1) != 0;
  const auto first = static_cast<RegisterNumber>(word & 0x1f);
  if (word >> 23 == 0x1f2) {
    return {{loads, first, static_cast<int32_t>(word >> 10 & 0xfff) * kWordBytes}};
  }
  if (word >> 23 != 0x152) return {};
  const auto words = static_cast<int32_t>(word >> 15 & 0x7f);
  const int32_t offset = (words < 0x40 ? words : words - 0x80) * kWordBytes;
  return {{loads, first, offset},
          {loads, static_cast<RegisterNumber>(word >> 10 & 0x1f), offset + kWordBytes}};
}

std::vector<StackMove> StackMovesOf(elf::Architecture architecture,
                                    const std::vector<uint8_t>& bytes) {
  if (architecture == elf::Architecture::kArm64) return Arm64StackMovesOf(bytes);
  const std::optional<StackMove> move = Amd64StackMoveOf(bytes);
  return move ? std::vector<StackMove>{*move} : std::vector<StackMove>();
}

constexpr std::array<std::string_view, 16> kAmd64Registers = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

constexpr int kArm64RegisterCount = 31;

// Where a call of a function that takes one word has put its result.
constexpr int32_t kFirstResultOnStack = 8;

}  // namespace

std::string RegisterName(elf::Architecture architecture, RegisterNumber number) {
  if (architecture == elf::Architecture::kArm64) return fmt::format("x{}", number);
  return std::string(kAmd64Registers.at(static_cast<size_t>(number)));
}

std::optional<RegisterNumber> RegisterFromName(elf::Architecture architecture,
                                               std::string_view name) {
  const int count = architecture == elf::Architecture::kArm64
                        ? kArm64RegisterCount
                        : static_cast<int>(kAmd64Registers.size());
  for (RegisterNumber number = 0; number < count; ++number) {
    if (RegisterName(architecture, number) == name) return number;
  }
  return std::nullopt;
}

bool Writes(const elf::Instruction& instruction, std::string_view register_name) {
  return std::find(instruction.written.begin(), instruction.written.end(), register_name) !=
         instruction.written.end();
}

// Intel SDM volume 2, TEST: REX.W 85 /r.
std::optional<RegisterNumber> TestedForZero(const elf::Instruction& instruction) {
  const std::vector<uint8_t>& bytes = instruction.bytes;
  if (bytes.size() != 3 || bytes[1] != 0x85 || bytes[2] < 0xc0) return std::nullopt;
  const bool high = bytes[0] == 0x4d;
  if (!high && bytes[0] != 0x48) return std::nullopt;
  const int first = bytes[2] >> 3 & 7;
  if (first != (bytes[2] & 7)) return std::nullopt;
  return first + (high ? 8 : 0);
}

// Intel SDM volume 2, CMP: REX.W 83 /7 ib, with a SIB byte for rsp and a displacement of 8 bits.
bool ComparesStackWordWithZero(const elf::Instruction& instruction, int32_t offset) {
  const std::vector<uint8_t> wanted = {0x48, 0x83, 0x7c, 0x24, static_cast<uint8_t>(offset), 0};
  return instruction.bytes == wanted;
}

WordHolders::WordHolders(elf::Architecture architecture, std::set<RegisterNumber> registers,
                         std::set<int32_t> offsets)
    : architecture_(architecture), registers_(std::move(registers)), offsets_(std::move(offsets)) {}

void WordHolders::Pass(const elf::Instruction& instruction) {
  const std::vector<StackMove> moves = StackMovesOf(architecture_, instruction.bytes);
  for (const StackMove& move : moves) {
    if (move.loads) continue;
    if (Has(move.register_number)) {
      offsets_.insert(move.offset);
    } else {
      offsets_.erase(move.offset);
    }
  }
  std::erase_if(registers_, [&](RegisterNumber number) {
    return Writes(instruction, RegisterName(architecture_, number));
  });
  for (const StackMove& move : moves) {
    if (move.loads && offsets_.contains(move.offset)) registers_.insert(move.register_number);
  }
}

void WordHolders::PassCall() {
  registers_.clear();
  offsets_.erase(kFirstResultOnStack);
}

}  // namespace uprobed::profile
