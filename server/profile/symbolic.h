#ifndef UPROBED_SERVER_PROFILE_SYMBOLIC_H_
#define UPROBED_SERVER_PROFILE_SYMBOLIC_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "server/elf/instructions.h"
#include "server/profile/control_flow.h"

namespace uprobed::profile {

// What the words in registers and on the stack are while a function runs, in terms of what it was
// called with and of what its callees returned: "the word at 8 behind argument 0".

// An expression, as an index into Terms; equal expressions have equal ids.
using TermId = uint32_t;
inline constexpr TermId kUnknownTerm = 0;

inline constexpr int kWordBytes = 8;

struct Term {
  enum class Kind : uint8_t {
    kUnknown,
    kArgument,  // number: the word of the arguments, 0 in rax or behind the return address
    kResult,    // number: the word of the results, on the stack that of both; site: the call
    kConstant,  // number
    kStack,     // number: bytes from the stack pointer at the entry
    kLoad,      // number: bytes from the pointer `base`; width
    kOffset,    // number: added to `base`
    kSum,       // of `base` and `other`
  };
  Kind kind = Kind::kUnknown;
  TermId base = kUnknownTerm;
  TermId other = kUnknownTerm;
  int64_t number = 0;
  int width = 0;    // bytes
  size_t site = 0;  // node of the call
  auto operator<=>(const Term&) const = default;
};

class Terms {
 public:
  Terms() { Intern({}); }
  const Term& at(TermId id) const { return terms_[id]; }
  TermId Intern(const Term& term);

 private:
  std::vector<Term> terms_;
  std::map<Term, TermId> ids_;
};

// How Go on amd64 passes arguments and results: on the stack of the caller up to Go 1.16, in
// registers since.
enum class Passing : uint8_t { kOnStack, kInRegisters };

// Words of arguments or results that Go passes in registers (cmd/compile/abi-internal.md, amd64);
// of those on the stack, no more are followed.
inline constexpr size_t kAbiWords = 9;
// The number of the register that holds word `word`.
int AbiRegister(size_t word);

// `value` compared with a constant ("test r, r" compares with 0).
struct Comparison {
  TermId value = kUnknownTerm;
  int64_t constant = 0;
  int width = 0;          // bytes
  std::string condition;  // what the next jcc or setcc asks: "e", "ne", "g", ...; empty: none near
};

// `value` written to `offset` behind the pointer `base`.
struct Store {
  TermId base = kUnknownTerm;
  int64_t offset = 0;
  TermId value = kUnknownTerm;
  int width = 0;
};

struct Call {
  size_t site = 0;
  std::string callee;     // empty where it is not known
  bool indirect = false;  // of a closure or of an interface's method
  std::array<TermId, kAbiWords> arguments{};
};

// All that a function was seen to do, in the order of its code. What stands on several paths with
// different meanings is left out.
struct Behaviour {
  Passing passing = Passing::kInRegisters;
  Terms terms;
  std::vector<Comparison> comparisons;
  std::vector<Store> stores;
  std::vector<Call> calls;

  // The callee whose result `id` is; empty where it is none.
  std::string CalleeOf(TermId id) const;
};

// Longer functions are not followed: none of those that tell offsets has a quarter of this.
inline constexpr size_t kMaxInstructions = 4000;

// What is known of the functions that are called, which pass arguments and results as the caller.
struct Callees {
  ControlFlow::NameLookup name_at;
  Passing passing = Passing::kInRegisters;
  // Bytes of arguments and results on the stack of the function that begins at an address; nullopt
  // where that is not known. For Passing::kOnStack only.
  std::function<std::optional<uint32_t>(uint64_t)> stack_bytes_at;
};

// Follows every path of `instructions` from the first one: a value survives a join only where all
// paths agree on it, a call forgets all registers but rsp and rbp, every word of the stack whose
// address was taken, and on the stack what the callee may write of its arguments and results. Code
// that does not decode ends its path; a jump whose target is not known makes the whole behaviour
// empty, because the paths into the rest are then not known.
Behaviour Follow(const std::vector<elf::Instruction>& instructions, const Callees& callees);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_SYMBOLIC_H_
