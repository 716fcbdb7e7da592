#include <optional>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/profile/call_results.h"
#include "server/profile/jump_conditions.h"
#include "server/profile/sites.h"

namespace uprobed::profile {
namespace {

// Both calls, this and that of kHandlerFunction, stand in conn.serve: once for each HTTP/1 request,
// never again after stack growth (that restarts the callee, not the call), and HTTP/2 requests do
// not come here.
constexpr std::string_view kFinishFunction = "net/http.(*response).finishRequest";

// What the compiler makes of recover().
constexpr std::string_view kRecoverFunction = "runtime.gorecover";

absl::Status PlanCalls(const ControlFlow& flow, std::string_view callee, SiteKind kind, CallAbi abi,
                       std::vector<SitePlan>* plans) {
  const std::vector<size_t> calls = flow.CallsTo(std::string(callee));
  if (calls.empty()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND",
                     fmt::format("{} does not call {} directly: the compiler inlined it, as a "
                                 "profile-guided build may; build without a profile to observe "
                                 "the server",
                                 flow.function(), callee));
  }
  for (const size_t call : calls) plans->push_back({kind, call, false, ArgumentsOf(kind, abi)});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<SitePlan>> PlanServerSites(const ControlFlow& flow, CallAbi abi) {
  std::vector<SitePlan> plans;
  RETURN_IF_ERROR(PlanCalls(flow, kHandlerFunction, SiteKind::kServerStart, abi, &plans));
  RETURN_IF_ERROR(PlanCalls(flow, kFinishFunction, SiteKind::kServerEnd, abi, &plans));
  // Answers to what is no request; their texts begin with "HTTP/1.". Where there are none, such
  // answers are not seen.
  for (const char* writer : {"fmt.Fprintf", "io.WriteString"}) {
    for (const size_t call : flow.CallsTo(writer)) {
      plans.push_back(
          {SiteKind::kServerRefused, call, false, ArgumentsOf(SiteKind::kServerRefused, abi)});
    }
  }
  return plans;
}

std::vector<SitePlan> PlanRecoverSites(const ControlFlow& flow, CallAbi abi) {
  std::vector<SitePlan> plans;
  for (const size_t call : flow.CallsTo(std::string(kRecoverFunction))) {
    const std::optional<size_t> test = TestOfFirstResult(flow, call, abi);
    if (!test) continue;
    const elf::Instruction& jump = flow.at(*test);
    const bool recovered_when_taken =
        ZeroTestOf(jump.architecture, jump.bytes) == ZeroTest::kJumpsIfNotZero;
    plans.push_back({SiteKind::kServerRecover, *test, recovered_when_taken,
                     ArgumentsOf(SiteKind::kServerRecover, abi)});
  }
  return plans;
}

}  // namespace uprobed::profile
