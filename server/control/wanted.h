#ifndef UPROBED_SERVER_CONTROL_WANTED_H_
#define UPROBED_SERVER_CONTROL_WANTED_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/profile/profile.h"
#include "server/store/probe_record.h"

namespace uprobed::control {

// Those instrumentations of `profile` that `spec` wants: all that the binary has where the spec
// names none. FAILED_PRECONDITION BINARY_ARCHITECTURE_FOREIGN where the binary is for another
// machine than this one, the absence's reason where it has none of those named, PROFILE_SUSPECT
// where its sources disagree about an offset and the spec does not allow that.
absl::StatusOr<std::vector<profile::Instrumentation>> WantedOf(const store::ProbeSpec& spec,
                                                               const profile::Profile& profile);

// Why an instrumentation that `spec` names, or what it wants traces to be stitched or routes to
// be told by, is missing in the binary; OK where nothing is.
absl::Status MissingError(const store::ProbeSpec& spec, const profile::Profile& profile);

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_WANTED_H_
