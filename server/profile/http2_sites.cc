#include <algorithm>
#include <optional>
#include <string>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/profile/call_results.h"
#include "server/profile/http2_names.h"
#include "server/profile/jump_conditions.h"
#include "server/profile/prologue.h"
#include "server/profile/sites.h"

namespace uprobed::profile {
namespace {

constexpr char kRecover[] = "runtime.gorecover";
// Only on the way of a panic: the stack is logged, unless the value is http.ErrAbortHandler, which
// a value of the same type is compared with.
constexpr char kLogStack[] = "runtime.Stack";
constexpr char kCompare[] = "runtime.efaceeq";

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

}  // namespace

absl::StatusOr<SitePlan> PlanHandlerStart(const ControlFlow& flow, SiteKind kind, CallAbi abi) {
  const std::optional<size_t> node = NodeInPrologue(flow, abi);
  if (!node) return Http2NotFound(flow, "does not begin with a stack check");
  return SitePlan{kind, *node, false, ArgumentsOf(kind, abi)};
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
