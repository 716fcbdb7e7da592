#ifndef UPROBED_SERVER_PROFILE_CONTROL_FLOW_H_
#define UPROBED_SERVER_PROFILE_CONTROL_FLOW_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/instructions.h"

namespace uprobed::profile {

// A set of instructions of one function, by index.
using NodeSet = std::vector<bool>;

// How control moves between the instructions of one function. A node is an index into the
// instructions, which are in ascending order of address. A call to a runtime function that never
// returns (panic, throw) ends its path, as does a trap. Immutable.
class ControlFlow {
 public:
  struct Edge {
    size_t from;
    size_t to;
    bool operator==(const Edge&) const = default;
  };
  // The name of the function whose entry is an address; nullopt where none begins.
  using NameLookup = std::function<std::optional<std::string>(uint64_t)>;

  // FAILED_PRECONDITION SITE_NOT_FOUND where a reachable jump cannot be followed (a jump table, a
  // jump into the middle of an instruction or out of the function) or bytes do not decode: nothing
  // can then be said about all paths.
  static absl::StatusOr<ControlFlow> Build(std::string function,
                                           std::vector<elf::Instruction> instructions,
                                           const NameLookup& name_at);

  const std::string& function() const { return function_; }
  size_t size() const { return instructions_.size(); }
  const elf::Instruction& at(size_t node) const { return instructions_[node]; }
  const std::vector<size_t>& successors(size_t node) const { return successors_[node]; }
  const std::vector<size_t>& predecessors(size_t node) const { return predecessors_[node]; }

  // The node at `address`; nullopt where no instruction begins there.
  std::optional<size_t> NodeAt(uint64_t address) const;
  // The name of the function that a direct call calls; empty for any other instruction.
  const std::string& CalleeName(size_t node) const { return callees_[node]; }
  // The nodes that call `function` directly and can be reached from the entry.
  std::vector<size_t> CallsTo(const std::string& function) const;

  bool IsReturn(size_t node) const { return at(node).flow == elf::Flow::kReturn; }
  // All that can be reached from `starts`, themselves included.
  NodeSet ReachableFrom(const std::vector<size_t>& starts) const;
  // As above, where `blocked` says which edges may not be taken.
  NodeSet ReachableFrom(const std::vector<size_t>& starts,
                        const std::function<bool(Edge)>& blocked) const;
  // All from which one of `targets` can be reached, themselves included.
  NodeSet Reaching(const std::vector<size_t>& targets) const;
  std::vector<size_t> Returns() const;

  // For a conditional jump: the node it jumps to, and the one behind it.
  size_t Taken(size_t node) const { return successors_[node].back(); }
  size_t FallThrough(size_t node) const { return successors_[node].front(); }

 private:
  ControlFlow() = default;
  // Fills successors_ of `node`; false where control leaves what is known.
  bool Connect(size_t node);

  std::string function_;
  std::vector<elf::Instruction> instructions_;
  std::vector<std::string> callees_;
  std::vector<std::vector<size_t>> successors_;
  std::vector<std::vector<size_t>> predecessors_;
};

// Whether `callee` is one of the functions of package runtime that the compiler calls and that do
// not come back (cmd/compile/internal/ssagen and runtime/panic.go).
bool NeverReturns(std::string_view callee);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_CONTROL_FLOW_H_
