#ifndef UPROBED_CLIENT_PROBE_OUTCOME_H_
#define UPROBED_CLIENT_PROBE_OUTCOME_H_

#include "client/exit_code.h"
#include "client/session.h"
#include "uprobed/v1/probe.pb.h"

namespace uprobed::client {

// Shows a probe that was made or changed, says on stderr what keeps it from being active, and turns
// that into the exit code.
ExitCode ShowOutcome(Session& session, const v1::Probe& probe);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_PROBE_OUTCOME_H_
