#ifndef UPROBED_SERVER_PROFILE_CALL_RESULTS_H_
#define UPROBED_SERVER_PROFILE_CALL_RESULTS_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "server/profile/control_flow.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// Longer straight lines than this between a call and the test of its result, or between the entry
// and the stack check, have not been seen in Go 1.15 to 1.27 (they are at most 5).
inline constexpr int kMaxStraightLine = 12;

// Whether the first words of arguments or results, at most four, are behind `instruction` where
// they were before: in registers (rax, rbx, rcx, rdi; x0 to x3), or from word 2 on on the stack.
bool KeepsFirstWords(const elf::Instruction& instruction, CallAbi abi, size_t count);

// What a call returns that returns (*Response, error).
inline constexpr size_t kExchangeWords = 3;

// The nodes from behind `node` on that control must pass, as long as these words keep their values:
// up to and including the first that is not a plain instruction or an unconditional jump.
std::vector<size_t> StraightLineBehind(const ControlFlow& flow, size_t node, CallAbi abi);

// Whether `line`, which begins behind a call that returns (*Response, error), ends in a conditional
// jump that tests whether there is an error.
bool EndsInTestOfError(const ControlFlow& flow, const std::vector<size_t>& line, CallAbi abi);

// The conditional jump on the straight line behind `call` that tests whether the first word of the
// result, behind one word of arguments, is zero; nullopt where the line ends otherwise.
std::optional<size_t> TestOfFirstResult(const ControlFlow& flow, size_t call, CallAbi abi);

// The same where other calls lie between, and the word was put away for them.
std::optional<size_t> LaterTestOfFirstResult(const ControlFlow& flow, size_t call, CallAbi abi);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_CALL_RESULTS_H_
