#include "server/profile/control_flow.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "server/base/errors.h"

namespace uprobed::profile {
namespace {

absl::Status CannotFollow(const std::string& function, const elf::Instruction& instruction) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND",
      fmt::format("the control flow of {} cannot be followed at {:#x} ({}), so that no place to "
                  "probe it is certain; please report the Go version and how the program was built",
                  function, instruction.address,
                  instruction.text.empty() ? "bytes that do not decode" : instruction.text));
}

}  // namespace

bool NeverReturns(std::string_view callee) {
  constexpr std::array<std::string_view, 6> kPrefixes = {"runtime.panic",   "runtime.gopanic",
                                                         "runtime.goPanic", "runtime.throw",
                                                         "runtime.fatal",   "runtime.racepanic"};
  return callee == "runtime.block" ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [callee](std::string_view prefix) { return callee.starts_with(prefix); });
}

absl::StatusOr<ControlFlow> ControlFlow::Build(std::string function,
                                               std::vector<elf::Instruction> instructions,
                                               const NameLookup& name_at) {
  ControlFlow flow;
  flow.function_ = std::move(function);
  flow.instructions_ = std::move(instructions);
  const size_t count = flow.instructions_.size();
  if (count == 0) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND",
                     fmt::format("{} has no code in the file; probe the executable itself, not a "
                                 "file with its debug information",
                                 flow.function_));
  }
  flow.callees_.resize(count);
  flow.successors_.resize(count);
  flow.predecessors_.resize(count);
  std::vector<bool> followed(count);
  for (size_t node = 0; node < count; ++node) {
    const elf::Instruction& instruction = flow.instructions_[node];
    if (instruction.flow == elf::Flow::kCall && instruction.target) {
      flow.callees_[node] = name_at(*instruction.target).value_or("");
    }
    followed[node] = flow.Connect(node);
  }
  const NodeSet reachable = flow.ReachableFrom({0});
  for (size_t node = 0; node < count; ++node) {
    // What lies behind the code (padding, a recovery block) may be anything.
    if (!reachable[node]) continue;
    if (!followed[node]) return CannotFollow(flow.function_, flow.instructions_[node]);
    for (const size_t next : flow.successors_[node]) flow.predecessors_[next].push_back(node);
  }
  return flow;
}

bool ControlFlow::Connect(size_t node) {
  const elf::Instruction& instruction = instructions_[node];
  std::vector<size_t>& next = successors_[node];
  if (instruction.text.empty()) return false;
  if (instruction.flow == elf::Flow::kReturn || instruction.flow == elf::Flow::kTrap ||
      NeverReturns(callees_[node])) {
    return true;
  }
  if (instruction.flow != elf::Flow::kJump) {
    if (node + 1 >= instructions_.size()) return false;
    next.push_back(node + 1);
  }
  if (instruction.flow == elf::Flow::kJump || instruction.flow == elf::Flow::kConditional) {
    const std::optional<size_t> target =
        instruction.target ? NodeAt(*instruction.target) : std::nullopt;
    if (!target) return false;
    next.push_back(*target);
  }
  return true;
}

std::optional<size_t> ControlFlow::NodeAt(uint64_t address) const {
  const auto found = std::lower_bound(instructions_.begin(), instructions_.end(), address,
                                      [](const elf::Instruction& instruction, uint64_t value) {
                                        return instruction.address < value;
                                      });
  if (found == instructions_.end() || found->address != address) return std::nullopt;
  return static_cast<size_t>(found - instructions_.begin());
}

std::vector<size_t> ControlFlow::CallsTo(const std::string& function) const {
  const NodeSet reachable = ReachableFrom({0});
  std::vector<size_t> calls;
  for (size_t node = 0; node < size(); ++node) {
    if (reachable[node] && callees_[node] == function) calls.push_back(node);
  }
  return calls;
}

NodeSet ControlFlow::ReachableFrom(const std::vector<size_t>& starts) const {
  return ReachableFrom(starts, [](Edge) { return false; });
}

NodeSet ControlFlow::ReachableFrom(const std::vector<size_t>& starts,
                                   const std::function<bool(Edge)>& blocked) const {
  NodeSet seen(size());
  std::vector<size_t> pending = starts;
  for (const size_t start : starts) seen[start] = true;
  while (!pending.empty()) {
    const size_t node = pending.back();
    pending.pop_back();
    for (const size_t next : successors_[node]) {
      if (seen[next] || blocked({node, next})) continue;
      seen[next] = true;
      pending.push_back(next);
    }
  }
  return seen;
}

NodeSet ControlFlow::Reaching(const std::vector<size_t>& targets) const {
  NodeSet seen(size());
  std::vector<size_t> pending = targets;
  for (const size_t target : targets) seen[target] = true;
  while (!pending.empty()) {
    const size_t node = pending.back();
    pending.pop_back();
    for (const size_t before : predecessors_[node]) {
      if (seen[before]) continue;
      seen[before] = true;
      pending.push_back(before);
    }
  }
  return seen;
}

std::vector<size_t> ControlFlow::Returns() const {
  const NodeSet reachable = ReachableFrom({0});
  std::vector<size_t> returns;
  for (size_t node = 0; node < size(); ++node) {
    if (reachable[node] && IsReturn(node)) returns.push_back(node);
  }
  return returns;
}

}  // namespace uprobed::profile
