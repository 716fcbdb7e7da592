#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/profile/sites.h"

namespace uprobed::profile {
namespace {

// Both calls stand in conn.serve: once for each HTTP/1 request, never again after stack growth
// (that restarts the callee, not the call), and HTTP/2 requests do not come here.
constexpr std::string_view kHandlerFunction = "net/http.serverHandler.ServeHTTP";
constexpr std::string_view kFinishFunction = "net/http.(*response).finishRequest";

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
  return plans;
}

}  // namespace uprobed::profile
