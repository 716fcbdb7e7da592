#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/profile/call_results.h"
#include "server/profile/http2_names.h"
#include "server/profile/jump_conditions.h"
#include "server/profile/prologue.h"
#include "server/profile/saved_argument.h"
#include "server/profile/sites.h"

namespace uprobed::profile {
namespace {

constexpr char kRecover[] = "runtime.gorecover";
// Only on the way of a panic: the stack is logged, unless the value is http.ErrAbortHandler, which
// a value of the same type is compared with.
constexpr char kLogStack[] = "runtime.Stack";
constexpr char kCompare[] = "runtime.efaceeq";
// What the function that makes a request calls to do so, and for most of its fields.
constexpr char kNewObject[] = "runtime.newobject";
constexpr std::string_view kWriteBarrier = "runtime.gcWriteBarrier";
// Its receiver, which is the handler, has two words; the writer follows.
constexpr size_t kHandlerAndWriterWords = 3;
constexpr int32_t kWordOfArguments = 8;  // bytes

absl::Status Http2NotFound(const ControlFlow& flow, std::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND",
                   fmt::format("{} {}; please report the Go version and how the program was built",
                               flow.function(), what));
}

absl::Status PlanCallsTo(const ControlFlow& flow, std::string_view callee, SiteKind kind,
                         CallAbi abi, std::vector<SitePlan>* plans) {
  const std::vector<size_t> calls = flow.CallsTo(std::string(callee));
  if (calls.empty()) {
    return Http2NotFound(flow, fmt::format("does not call {} directly", callee));
  }
  for (const size_t call : calls) plans->push_back({kind, call, false, ArgumentsOf(kind, abi)});
  return absl::OkStatus();
}

// Where the function that makes a request keeps the handler and the writer, which come first.
std::optional<int32_t> SavedArguments(const ControlFlow& flow, CallAbi abi) {
  const std::optional<int32_t> first = SavedArgument(flow, abi, 0);
  for (size_t word = 1; word < kHandlerAndWriterWords; ++word) {
    const std::optional<int32_t> saved = SavedArgument(flow, abi, word);
    if (!first || !saved || *saved != *first + static_cast<int32_t>(word) * kWordOfArguments) {
      return std::nullopt;
    }
  }
  return first;
}

// mov %rax,%rdi and mov x3,x0: the request is the fourth word of what the handler is given.
bool HandsOnFirstWord(const elf::Instruction& instruction, CallAbi abi) {
  static const std::vector<uint8_t> kAmd64 = {0x48, 0x89, 0xC7};
  static const std::vector<uint8_t> kArm64 = {0xE3, 0x03, 0x00, 0xAA};
  return instruction.bytes == (abi == CallAbi::kArm64Registers ? kArm64 : kAmd64);
}

// The write barrier keeps all registers that Go code uses (src/runtime/asm_amd64.s, asm_arm64.s,
// gcWriteBarrier).
bool KeepsMade(const ControlFlow& flow, size_t node, CallAbi abi) {
  return flow.CalleeName(node).starts_with(kWriteBarrier) ||
         (flow.at(node).flow != elf::Flow::kCall && KeepsFirstWords(flow.at(node), abi, 1));
}

// The calls of what is not known before it runs.
std::vector<size_t> IndirectCalls(const ControlFlow& flow) {
  const NodeSet reached = flow.ReachableFrom({0});
  std::vector<size_t> calls;
  for (size_t node = 0; node < flow.size(); ++node) {
    if (reached[node] && flow.at(node).flow == elf::Flow::kCall && !flow.at(node).target) {
      calls.push_back(node);
    }
  }
  return calls;
}

// The last conditional jump on all ways from the call that makes a request to that of the handler
// which it is handed on to, if the request is in the first register all the way: its fields are
// written with a write barrier, and each of these is such a jump.
std::optional<size_t> LastJumpWithMade(const ControlFlow& flow, CallAbi abi) {
  const std::vector<size_t> made = flow.CallsTo(kNewObject);
  const std::vector<size_t> handed_on = IndirectCalls(flow);
  if (abi == CallAbi::kAmd64Stack || made.size() != 1 || handed_on.size() != 1) return std::nullopt;
  const std::vector<size_t>& behind = flow.successors(made.front());
  const NodeSet after = flow.ReachableFrom(behind);
  const NodeSet before = flow.Reaching(handed_on);
  std::optional<size_t> last;
  for (size_t node = 0; node < flow.size(); ++node) {
    if (!after[node] || !before[node] || flow.at(node).flow != elf::Flow::kConditional) continue;
    const NodeSet around =
        flow.ReachableFrom(behind, [node](ControlFlow::Edge edge) { return edge.from == node; });
    if (!around[handed_on.front()] && (!last || around[*last])) last = node;
  }
  if (!last) return std::nullopt;
  const NodeSet later = flow.ReachableFrom({*last});
  bool is_handed_on = false;
  for (size_t node = 0; node < flow.size(); ++node) {
    if (!after[node] || !before[node] || node == handed_on.front()) continue;
    if (later[node] && node != *last) {
      is_handed_on = is_handed_on || HandsOnFirstWord(flow.at(node), abi);
    } else if (!KeepsMade(flow, node, abi)) {
      return std::nullopt;
    }
  }
  return is_handed_on ? last : std::nullopt;
}

}  // namespace

absl::StatusOr<SitePlan> PlanHttp2Start(const ControlFlow& flow, const Http2Names& names,
                                        CallAbi abi) {
  std::vector<ArgumentLocation> arguments = Http2StartArguments(names.start_function, abi);
  const bool makes_request = names.start_function != names.run_function;
  const std::optional<size_t> node =
      makes_request ? LastJumpWithMade(flow, abi) : NodeInPrologue(flow, abi);
  if (!node) {
    return Http2NotFound(flow, makes_request ? "does not make a request as it is known to"
                                             : "does not begin with a stack check");
  }
  for (ArgumentLocation& argument : arguments) {
    if (!IsSaved(argument)) continue;
    const std::optional<int32_t> saved = SavedArguments(flow, abi);
    if (!saved) return Http2NotFound(flow, "does not save its arguments side by side");
    argument.stack_offset = *saved;
  }
  return SitePlan{SiteKind::kHttp2ServerStart, *node, false, std::move(arguments)};
}

absl::StatusOr<std::vector<SitePlan>> PlanHttp2Ends(const ControlFlow& flow,
                                                    std::string_view done_function, CallAbi abi) {
  std::vector<SitePlan> plans;
  RETURN_IF_ERROR(PlanCallsTo(flow, done_function, SiteKind::kHttp2ServerEnd, abi, &plans));
  const std::vector<size_t> recovers = flow.CallsTo(kRecover);
  if (recovers.empty()) return Http2NotFound(flow, "does not call recover()");
  for (const size_t call : recovers) {
    const std::optional<size_t> test = LaterTestOfFirstResult(flow, call, abi);
    if (!test) return Http2NotFound(flow, "does not test what recover() returned");
    const elf::Instruction& jump = flow.at(*test);
    const bool nothing_when_taken =
        ZeroTestOf(jump.architecture, jump.bytes) == ZeroTest::kJumpsIfZero;
    plans.push_back({SiteKind::kHttp2ServerGoexit, *test, nothing_when_taken,
                     ArgumentsOf(SiteKind::kHttp2ServerGoexit, abi)});
  }
  RETURN_IF_ERROR(PlanCallsTo(flow, kLogStack, SiteKind::kHttp2ServerPanic, abi, &plans));
  RETURN_IF_ERROR(PlanCallsTo(flow, kCompare, SiteKind::kHttp2ServerAbort, abi, &plans));
  return plans;
}

}  // namespace uprobed::profile
