#ifndef UPROBED_SERVER_PROFILE_COVERAGE_H_
#define UPROBED_SERVER_PROFILE_COVERAGE_H_

#include <vector>

#include "server/profile/control_flow.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// What must hold of the client's sites, whoever chose them, proved over all paths of
// Transport.roundTrip.

// Where `result`, which tests the error (see EndsInTestOfError), goes when there is none.
size_t NoErrorSide(const ControlFlow& flow, size_t result);

// Where a kClientBranch goes when the span ends.
size_t EndSide(const ControlFlow& flow, const SitePlan& branch);

// Every path from the entry to a return ends the span: it crosses an error site, a kClientResult
// without an error, or a kClientBranch to the side that ends.
bool EndsOnEveryPath(const ControlFlow& flow, const std::vector<SitePlan>& plans);

// No path goes on to a kClientResult after an error site or a kClientBranch ended the span, and
// none comes to an error site after a kClientResult without an error.
bool NeverEndsEarly(const ControlFlow& flow, const std::vector<SitePlan>& plans);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_COVERAGE_H_
