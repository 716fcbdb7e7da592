// Any bytes as a function in which places to probe are chosen.

#include "server/profile/sites.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "server/profile/control_flow.h"
#include "server/profile/coverage.h"
#include "tests/fuzz/hostile_function.h"

namespace uprobed::profile {
namespace {

// In the order of their numbers in the seeds.
const std::vector<std::string> kCallees = {
    "net/http.serverHandler.ServeHTTP",
    "net/http.(*response).finishRequest",
    "net/http.(*persistConn).roundTrip",
    "net/http.(*persistConn).shouldRetryRequest",
    "net/http.(*conn).readRequest",
    "runtime.panicIndex",
    "runtime.morestack_noctxt",
    "runtime.deferreturn",
    "main.other",
};

// What was chosen has to lie in the function, whatever the function is.
void Check(const ControlFlow& flow, const absl::StatusOr<std::vector<SitePlan>>& plans) {
  if (!plans.ok()) return;
  for (const SitePlan& plan : *plans) {
    if (plan.node >= flow.size()) std::abort();
  }
}

void Plan(const std::string& name, const HostileFunction& function) {
  const auto flow = ControlFlow::Build(name, function.instructions(), [](uint64_t target) {
    return HostileFunction::NameAt(kCallees, target);
  });
  if (!flow.ok()) return;
  const auto abi = static_cast<CallAbi>(function.in_registers() ? 1 : 0);  // those of amd64
  Check(*flow, PlanServerSites(*flow, abi));
  const auto client = PlanClientSites(*flow, NetHttpClientFunction(), abi);
  Check(*flow, client);
  // What the verification of an imported profile asks of any choice of sites.
  if (client.ok() && !EndsOnEveryPath(*flow, *client)) std::abort();
  if (client.ok() && !NeverEndsEarly(*flow, *client)) std::abort();
}

}  // namespace
}  // namespace uprobed::profile

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace uprobed::profile;  // NOLINT(google-build-using-namespace): one function
  const HostileFunction function(data, size);
  Plan(std::string(kServeFunction), function);
  Plan(std::string(kRoundTripFunction), function);
  return 0;
}
