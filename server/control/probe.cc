#include "server/control/probe.h"

namespace uprobed::control {

std::string_view Name(ProbeState state) {
  switch (state) {
    case ProbeState::kPending:
      return "pending";
    case ProbeState::kActive:
      return "active";
    case ProbeState::kDegraded:
      return "degraded";
    case ProbeState::kWaiting:
      return "waiting";
    case ProbeState::kDisabled:
      return "disabled";
    case ProbeState::kSuspended:
      return "suspended";
    case ProbeState::kFailed:
      return "failed";
  }
  return "unknown";
}

}  // namespace uprobed::control
