#include "server/profile/saved_receiver.h"

#include <cstring>
#include <vector>

#include "server/profile/call_results.h"
#include "server/profile/prologue.h"

namespace uprobed::profile {
namespace {

constexpr int32_t kSavedWordBytes = 8;
// Longer ways from the stack check to where the receiver is saved have not been seen.
constexpr int kMaxBeforeSaving = 24;

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

}  // namespace

std::optional<int32_t> SavedReceiver(const ControlFlow& flow, CallAbi abi) {
  const std::optional<size_t> prologue = NodeInPrologue(flow, abi);
  if (!prologue) return std::nullopt;
  std::optional<int32_t> saved;
  // The push of rbp has one successor; of the stack check, one goes for more stack.
  size_t node = flow.at(*prologue).flow == elf::Flow::kConditional ? flow.FallThrough(*prologue)
                                                                   : *prologue + 1;
  for (int step = 0; step < kMaxBeforeSaving && node < flow.size() && !saved; ++step, ++node) {
    const elf::Instruction& instruction = flow.at(node);
    if (instruction.flow != elf::Flow::kNext) return std::nullopt;
    if (abi == CallAbi::kAmd64Stack) {
      const std::optional<int32_t> frame = FrameSize(instruction);
      if (frame && *frame > 0) return *frame + kSavedWordBytes;  // behind the return address
      continue;
    }
    const std::optional<SavedRegister> store = SavedBy(instruction, abi);
    if (store && store->number == 0) saved = store->offset;
    if (!saved && !KeepsFirstWords(instruction, abi, 2)) return std::nullopt;
  }
  if (!saved || *saved < 0 || *saved % kSavedWordBytes != 0) return std::nullopt;
  const NodeSet later = flow.ReachableFrom({node});
  for (size_t other = node; other < flow.size(); ++other) {
    const std::optional<SavedRegister> store = SavedBy(flow.at(other), abi);
    if (later[other] && store && store->offset == *saved) return std::nullopt;
  }
  return saved;
}

}  // namespace uprobed::profile
