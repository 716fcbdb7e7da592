#ifndef UPROBED_TESTS_UNIT_CLIENT_MADE_PROBES_H_
#define UPROBED_TESTS_UNIT_CLIENT_MADE_PROBES_H_

#include <grpcpp/support/status.h>

#include <string>

#include "uprobed/v1/probe.pb.h"

namespace uprobed::client {

// Probes as the daemon answers them.

inline v1::Probe MakeProbe(const std::string& id, v1::Probe::State state) {
  v1::Probe probe;
  probe.set_name("probes/" + id);
  probe.mutable_spec()->set_binary_path("/srv/" + id);
  probe.mutable_status()->set_state(state);
  probe.mutable_status()->set_attached_sites(6);
  probe.mutable_status()->add_pids(10);
  return probe;
}

inline void SetError(v1::Probe& probe, grpc::StatusCode code, const std::string& reason,
                     const std::string& message) {
  v1::ProbeError* error = probe.mutable_status()->mutable_error();
  error->set_code(static_cast<int>(code));
  error->set_reason(reason);
  error->set_message(message);
}

}  // namespace uprobed::client

#endif  // UPROBED_TESTS_UNIT_CLIENT_MADE_PROBES_H_
