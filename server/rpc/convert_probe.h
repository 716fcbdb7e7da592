#ifndef UPROBED_SERVER_RPC_CONVERT_PROBE_H_
#define UPROBED_SERVER_RPC_CONVERT_PROBE_H_

#include <google/protobuf/repeated_field.h>

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/control/probe.h"
#include "uprobed/v1/probe.pb.h"

namespace uprobed::rpc {

v1::Probe ToProto(const control::Probe& probe);
v1::Instrumentation ToProto(profile::Instrumentation instrumentation);

// Without repetitions. INVALID_ARGUMENT INSTRUMENTATION_UNKNOWN for a value that this daemon does
// not know and for UNSPECIFIED.
absl::StatusOr<std::vector<profile::Instrumentation>> FromProto(
    const google::protobuf::RepeatedField<int>& instrumentations, const std::string& field);

// The checks of a target that need neither file system nor process: TARGET_MISSING,
// TARGET_NOT_ABSOLUTE, PATH_MALFORMED, PID_INVALID. `field` is where it stood in the request.
absl::Status CheckPath(const std::string& path, const std::string& field);
absl::Status CheckPid(int32_t pid, const std::string& field);
absl::Status TargetMissing(const std::string& field);

// What the caller may choose of a new probe: spec (with its target) and labels.
// INVALID_ARGUMENT: those above, LABELS_INVALID, SERVICE_NAME_INVALID.
absl::StatusOr<store::ProbeRecord> FromProto(const v1::Probe& probe);

// The fields of a probe that an update may name.
const std::set<std::string>& UpdatableFields();
// `current` with the updatable `fields` of `change`. Errors: those above but TARGET_MISSING, and
// TARGET_IMMUTABLE where `fields` has the target and it would change.
absl::StatusOr<store::ProbeRecord> ApplyChange(const v1::Probe& change,
                                               const std::set<std::string>& fields,
                                               store::ProbeRecord current);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_CONVERT_PROBE_H_
