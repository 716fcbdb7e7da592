#include "server/profile/saved_argument.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "server/profile/call_results.h"
#include "server/profile/prologue.h"

namespace uprobed::profile {
namespace {

constexpr int32_t kSavedWordBytes = 8;
// Longer ways from the stack check to where arguments are saved have not been seen.
constexpr size_t kMaxBeforeSaving = 64;

int32_t SignedAt(const std::vector<uint8_t>& bytes, size_t index) {
  int32_t value = 0;
  std::memcpy(&value, bytes.data() + index, sizeof(value));
  return value;
}

struct SavedRegister {
  int number;
  int32_t offset;
};

// mov %reg,offset(%rsp) and str reg,[sp,#offset] of whole registers.
std::optional<SavedRegister> SavedBy(const elf::Instruction& instruction, CallAbi abi) {
  const std::vector<uint8_t>& bytes = instruction.bytes;
  if (abi == CallAbi::kArm64Registers) {
    if (bytes.size() != sizeof(uint32_t)) return std::nullopt;
    const auto word = static_cast<uint32_t>(SignedAt(bytes, 0));
    if ((word & 0xFFC003E0U) != 0xF90003E0U) return std::nullopt;
    return SavedRegister{static_cast<int>(word & 0x1FU),
                         static_cast<int32_t>(word >> 10U & 0xFFFU) * kSavedWordBytes};
  }
  // REX.W, with REX.R for r8 to r15; mod 01 or 10, r/m 100: a SIB byte, which is that of rsp.
  if (bytes.size() < 5 || (bytes[0] & 0xFBU) != 0x48 || bytes[1] != 0x89 ||
      (bytes[2] & 0x07U) != 0x04 || bytes[3] != 0x24) {
    return std::nullopt;
  }
  const int number = (bytes[2] >> 3 & 7) | ((bytes[0] & 4) << 1);
  if (bytes[2] >> 6U == 1 && bytes.size() == 5) {
    return SavedRegister{number, static_cast<int8_t>(bytes[4])};
  }
  if (bytes[2] >> 6U == 2 && bytes.size() == 8) return SavedRegister{number, SignedAt(bytes, 4)};
  return std::nullopt;
}

// sub $size,%rsp, or add $-size,%rsp.
std::optional<int32_t> FrameSize(const elf::Instruction& instruction) {
  const std::vector<uint8_t>& bytes = instruction.bytes;
  if (bytes.size() < 4 || bytes[0] != 0x48 || (bytes[2] != 0xEC && bytes[2] != 0xC4)) {
    return std::nullopt;
  }
  const int32_t sign = bytes[2] == 0xEC ? 1 : -1;
  if (bytes[1] == 0x83 && bytes.size() == 4) return sign * static_cast<int8_t>(bytes[3]);
  if (bytes[1] == 0x81 && bytes.size() == 7) return sign * SignedAt(bytes, 3);
  return std::nullopt;
}

// The registers of the first words, as instructions have them: rax, rbx, rcx, rdi; x0 to x3.
constexpr std::array<int, 4> kArgumentRegisters = {0, 3, 1, 7};

int RegisterOf(size_t word, CallAbi abi) {
  return abi == CallAbi::kArm64Registers ? static_cast<int>(word) : kArgumentRegisters.at(word);
}

// Where a register that was an argument is put away on every way from `start`, before anything is
// called: on arm64 an inlined sync.Mutex.Lock may come before, which has ways of its own.
std::optional<size_t> SavingNode(const ControlFlow& flow, size_t start, CallAbi abi, size_t word) {
  for (size_t node = start; node < flow.size() && node - start < kMaxBeforeSaving; ++node) {
    const std::optional<SavedRegister> store = SavedBy(flow.at(node), abi);
    if (!store || store->number != RegisterOf(word, abi)) continue;
    const NodeSet before = flow.ReachableFrom(
        {start}, [node](ControlFlow::Edge edge) { return edge.to == node || edge.from == node; });
    for (size_t other = 0; other < flow.size(); ++other) {
      if (!before[other] || other == node) continue;
      const elf::Instruction& instruction = flow.at(other);
      const bool stays = instruction.flow == elf::Flow::kNext ||
                         instruction.flow == elf::Flow::kConditional ||
                         instruction.flow == elf::Flow::kJump;
      if (!stays || !KeepsFirstWords(instruction, abi, std::max<size_t>(word + 1, 2)))
        return std::nullopt;
    }
    return node;
  }
  return std::nullopt;
}

// How far above the stack pointer the caller has put its first argument.
std::optional<int32_t> ArgumentsOnStack(const ControlFlow& flow, size_t start) {
  for (size_t node = start; node < flow.size() && node - start < kMaxBeforeSaving; ++node) {
    if (flow.at(node).flow != elf::Flow::kNext) return std::nullopt;
    const std::optional<int32_t> frame = FrameSize(flow.at(node));
    if (frame && *frame > 0) return *frame + kSavedWordBytes;  // behind the return address
  }
  return std::nullopt;
}

}  // namespace

std::optional<int32_t> SavedArgument(const ControlFlow& flow, CallAbi abi, size_t word) {
  if (word >= kArgumentRegisters.size()) return std::nullopt;
  const std::optional<size_t> prologue = NodeInPrologue(flow, abi);
  if (!prologue) return std::nullopt;
  // The push of rbp has one successor; of the stack check, one goes for more stack.
  const size_t start = flow.at(*prologue).flow == elf::Flow::kConditional
                           ? flow.FallThrough(*prologue)
                           : *prologue + 1;
  if (abi == CallAbi::kAmd64Stack) {
    const std::optional<int32_t> first = ArgumentsOnStack(flow, start);
    if (!first) return std::nullopt;
    return *first + static_cast<int32_t>(word) * kSavedWordBytes;
  }
  const std::optional<size_t> saving = SavingNode(flow, start, abi, word);
  if (!saving) return std::nullopt;
  const int32_t offset = SavedBy(flow.at(*saving), abi)->offset;
  if (offset < 0 || offset % kSavedWordBytes != 0) return std::nullopt;
  const NodeSet later = flow.ReachableFrom(flow.successors(*saving));
  for (size_t other = 0; other < flow.size(); ++other) {
    const std::optional<SavedRegister> store = SavedBy(flow.at(other), abi);
    if (later[other] && store && store->offset == offset) return std::nullopt;
  }
  return offset;
}

}  // namespace uprobed::profile
