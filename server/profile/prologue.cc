#include "server/profile/prologue.h"

#include <cstdint>
#include <vector>

#include "server/profile/call_results.h"

namespace uprobed::profile {
namespace {

bool LeadsToMoreStack(const ControlFlow& flow, size_t node) {
  for (int step = 0; step < kMaxStraightLine; ++step) {
    if (flow.CalleeName(node).starts_with("runtime.morestack")) return true;
    if (flow.at(node).flow != elf::Flow::kNext || flow.successors(node).size() != 1) return false;
    node = flow.successors(node).front();
  }
  return false;
}

}  // namespace

std::optional<size_t> NodeInPrologue(const ControlFlow& flow, CallAbi abi) {
  for (size_t node = 0; node < flow.size() && node < kMaxStraightLine; ++node) {
    const elf::Instruction& instruction = flow.at(node);
    if (!KeepsFirstWords(instruction, abi, 4)) break;
    if (instruction.flow == elf::Flow::kNext) continue;
    if (instruction.flow != elf::Flow::kConditional || !LeadsToMoreStack(flow, flow.Taken(node))) {
      break;
    }
    const size_t behind = flow.FallThrough(node);
    const bool pushes =
        abi == CallAbi::kAmd64Registers && flow.at(behind).bytes == std::vector<uint8_t>{0x55};
    const bool only_way = flow.predecessors(behind).size() == 1;
    return pushes && only_way ? behind : node;
  }
  return std::nullopt;
}

}  // namespace uprobed::profile
