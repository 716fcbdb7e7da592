#include "server/profile/symbolic.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "server/profile/interpreter.h"
#include "server/profile/machine_state.h"

namespace uprobed::profile {
namespace {

// How many instructions are run, again and again, before the function is given up. Those that tell
// offsets take 4500 at most in Go 1.15 to 1.27; the bound is for code that somebody wrote to take
// long.
constexpr size_t kMaxRuns = 30'000;

std::optional<size_t> NodeAt(const std::vector<elf::Instruction>& instructions, uint64_t address) {
  const auto found = std::lower_bound(instructions.begin(), instructions.end(), address,
                                      [](const elf::Instruction& instruction, uint64_t value) {
                                        return instruction.address < value;
                                      });
  if (found == instructions.end() || found->address != address) return std::nullopt;
  return static_cast<size_t>(found - instructions.begin());
}

// What may run behind `node`; nullopt where that is not known. A direct jump out of the function is
// a call that does not come back (a tail call).
std::optional<std::vector<size_t>> Successors(const std::vector<elf::Instruction>& instructions,
                                              const ControlFlow::NameLookup& name_at, size_t node) {
  const elf::Instruction& instruction = instructions[node];
  std::vector<size_t> next;
  if (instruction.flow == elf::Flow::kReturn || instruction.flow == elf::Flow::kTrap ||
      instruction.text.empty()) {
    return next;
  }
  if (instruction.flow == elf::Flow::kCall && instruction.target &&
      NeverReturns(name_at(*instruction.target).value_or(""))) {
    return next;
  }
  if (instruction.flow != elf::Flow::kJump && node + 1 < instructions.size()) {
    next.push_back(node + 1);
  }
  if (instruction.flow == elf::Flow::kJump || instruction.flow == elf::Flow::kConditional) {
    if (!instruction.target) return std::nullopt;
    if (const auto target = NodeAt(instructions, *instruction.target)) next.push_back(*target);
  }
  return next;
}

}  // namespace

TermId Terms::Intern(const Term& term) {
  const auto [entry, added] = ids_.emplace(term, static_cast<TermId>(terms_.size()));
  if (added) terms_.push_back(term);
  return entry->second;
}

std::string Behaviour::CalleeOf(TermId id) const {
  const Term& term = terms.at(id);
  if (term.kind != Term::Kind::kResult) return "";
  const auto call = std::find_if(calls.begin(), calls.end(),
                                 [&](const Call& made) { return made.site == term.site; });
  return call == calls.end() ? "" : call->callee;
}

Behaviour Follow(const std::vector<elf::Instruction>& instructions, const Callees& callees) {
  Behaviour behaviour;
  behaviour.passing = callees.passing;
  if (instructions.empty() || instructions.size() > kMaxInstructions) return behaviour;
  Interpreter interpreter(instructions, callees, &behaviour);
  std::vector<std::optional<MachineState>> states(instructions.size());
  states[0] = MachineState::AtEntry(behaviour.terms, callees.passing);
  // In the order of the code, so that most joins see all their paths before they are left. Ends
  // because a state only ever loses what it knows.
  std::set<size_t> pending = {0};
  for (size_t runs = 0; !pending.empty(); ++runs) {
    if (runs == kMaxRuns) return {};
    const size_t node = *pending.begin();
    pending.erase(pending.begin());
    const auto successors = Successors(instructions, callees.name_at, node);
    if (!successors) return {};
    MachineState after = *states[node];
    interpreter.Run(node, after, false);
    for (const size_t next : *successors) {
      if (!states[next]) {
        states[next] = after;
        pending.insert(next);
      } else if (states[next]->Meet(after)) {
        pending.insert(next);
      }
    }
  }
  for (size_t node = 0; node < instructions.size(); ++node) {
    if (!states[node]) continue;
    MachineState state = *states[node];
    interpreter.Run(node, state, true);
  }
  return behaviour;
}

}  // namespace uprobed::profile
