#ifndef UPROBED_SERVER_RPC_CONVERT_PROBE_H_
#define UPROBED_SERVER_RPC_CONVERT_PROBE_H_

#include <google/protobuf/repeated_field.h>

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

// All that a caller may choose but the target. INVALID_ARGUMENT: LABELS_INVALID,
// SERVICE_NAME_INVALID, SPAN_LIMITS_INVALID, MAX_OVERHEAD_INVALID, INSTRUMENTATION_UNKNOWN.
absl::StatusOr<store::ProbeRecord> FreeFields(const v1::Probe& probe);
// What the caller may choose of a new probe: spec (with its target) and labels.
// INVALID_ARGUMENT: those above.
absl::StatusOr<store::ProbeRecord> FromProto(const v1::Probe& probe);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_CONVERT_PROBE_H_
