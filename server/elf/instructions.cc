#include "server/elf/instructions.h"

#include <fmt/format.h>

#include <utility>

#include "server/base/errors.h"
#include "server/elf/amd64_instructions.h"
#include "server/elf/arm64_instructions.h"
#include "server/elf/capstone_decoder.h"

namespace uprobed::elf {

absl::StatusOr<std::vector<Instruction>> Disassemble(const ElfFile& file, uint64_t address,
                                                     uint64_t size) {
  const auto code = file.ReadAddress(address, size);
  if (!code) {
    return MakeError(absl::StatusCode::kOutOfRange, "FUNCTION_OUT_OF_RANGE",
                     fmt::format("{} has no {} bytes of code at {:#x}", file.name(), size, address),
                     {{"path", file.name()}});
  }
  ASSIGN_OR_RETURN(CapstoneDecoder decoder, CapstoneDecoder::Open(file.architecture()));
  const auto decode = file.architecture() == Architecture::kAmd64 ? amd64::Decode : arm64::Decode;
  std::vector<Instruction> instructions;
  for (uint64_t offset = 0; offset < size; offset += instructions.back().size) {
    ASSIGN_OR_RETURN(Instruction next, decode(decoder, code->subspan(offset), address + offset));
    instructions.push_back(std::move(next));
  }
  return instructions;
}

ProbeHandling HandlingOf(Architecture architecture, const std::vector<uint8_t>& bytes) {
  return architecture == Architecture::kAmd64 ? amd64::HandlingOf(bytes) : arm64::HandlingOf(bytes);
}

bool KernelEmulates(Architecture architecture, const std::vector<uint8_t>& bytes) {
  return HandlingOf(architecture, bytes) == ProbeHandling::kEmulated;
}

bool IsDirectCall(Architecture architecture, const std::vector<uint8_t>& bytes) {
  return architecture == Architecture::kAmd64 ? amd64::IsDirectCall(bytes)
                                              : arm64::IsDirectCall(bytes);
}

std::optional<JumpCondition> ConditionOf(Architecture architecture,
                                         const std::vector<uint8_t>& bytes) {
  return architecture == Architecture::kAmd64 ? amd64::ConditionOf(bytes)
                                              : arm64::ConditionOf(bytes);
}

}  // namespace uprobed::elf
