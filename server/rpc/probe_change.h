#ifndef UPROBED_SERVER_RPC_PROBE_CHANGE_H_
#define UPROBED_SERVER_RPC_PROBE_CHANGE_H_

#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/probe_record.h"
#include "uprobed/v1/probe.pb.h"

namespace uprobed::rpc {

// The fields of a probe that an update may name.
const std::set<std::string>& UpdatableFields();
// `current` with the updatable `fields` of `change`. Errors: those of FreeFields, and
// TARGET_IMMUTABLE where `fields` has the target and it would change.
absl::StatusOr<store::ProbeRecord> ApplyChange(const v1::Probe& change,
                                               const std::set<std::string>& fields,
                                               store::ProbeRecord current);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_PROBE_CHANGE_H_
