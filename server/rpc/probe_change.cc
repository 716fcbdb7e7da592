#include "server/rpc/probe_change.h"

#include <utility>

#include "server/base/errors.h"
#include "server/rpc/convert_probe.h"
#include "server/rpc/convert_span_limits.h"
#include "server/rpc/status.h"

namespace uprobed::rpc {
namespace {

constexpr char kPathField[] = "spec.binary_path";
constexpr char kPidField[] = "spec.pid";
constexpr char kEnabledField[] = "spec.enabled";
constexpr char kInstrumentationsField[] = "spec.instrumentations";
constexpr char kCaptureQueryField[] = "spec.capture_query";
constexpr char kStitchTracesField[] = "spec.stitch_traces";
constexpr char kFrameworkRoutesField[] = "spec.framework_routes";
constexpr char kInjectTraceparentField[] = "spec.inject_traceparent";
constexpr char kHandlerFunctionField[] = "spec.handler_function";
constexpr char kCausalityGoroutinesField[] = "spec.causality.goroutines";
constexpr char kCausalityChannelsField[] = "spec.causality.channels";
constexpr char kServerFirstByteField[] = "spec.timing.server_first_byte";
constexpr char kClientBodyField[] = "spec.timing.client_body";
constexpr char kMaxOverheadField[] = "spec.max_overhead";
constexpr char kAllowSuspectField[] = "spec.allow_suspect_profile";
constexpr char kServiceNameField[] = "spec.service_name";
constexpr char kLabelsField[] = "labels";

// A target that is not given is not changed, so that a change need not repeat it.
bool ChangesTarget(const v1::ProbeSpec& spec, const std::set<std::string>& fields,
                   const store::ProbeSpec& current) {
  switch (spec.target_case()) {
    case v1::ProbeSpec::kBinaryPath:
      return fields.contains(kPathField) &&
             (current.pid != 0 || spec.binary_path() != current.binary_path);
    case v1::ProbeSpec::kPid:
      return fields.contains(kPidField) && std::cmp_not_equal(spec.pid(), current.pid);
    case v1::ProbeSpec::TARGET_NOT_SET:
      break;
  }
  return false;
}

std::set<std::string> AllUpdatableFields() {
  std::set<std::string> fields{kPathField,
                               kPidField,
                               kEnabledField,
                               kInstrumentationsField,
                               kCaptureQueryField,
                               kStitchTracesField,
                               kAllowSuspectField,
                               kServiceNameField,
                               kLabelsField,
                               kCausalityGoroutinesField,
                               kCausalityChannelsField,
                               kFrameworkRoutesField,
                               kInjectTraceparentField,
                               kHandlerFunctionField,
                               kMaxOverheadField,
                               kServerFirstByteField,
                               kClientBodyField};
  fields.insert(SpanLimitsFields().begin(), SpanLimitsFields().end());
  return fields;
}

}  // namespace

const std::set<std::string>& UpdatableFields() {
  static const auto& fields = *new std::set<std::string>(AllUpdatableFields());
  return fields;
}

absl::StatusOr<store::ProbeRecord> ApplyChange(const v1::Probe& change,
                                               const std::set<std::string>& fields,
                                               store::ProbeRecord current) {
  ASSIGN_OR_RETURN(store::ProbeRecord wanted, FreeFields(change));
  if (ChangesTarget(change.spec(), fields, current.spec)) {
    return FieldError("TARGET_IMMUTABLE", "probe.spec",
                      "the target of a probe never changes: delete the probe and create another");
  }
  store::ProbeSpec& spec = current.spec;
  if (fields.contains(kEnabledField)) spec.enabled = wanted.spec.enabled;
  if (fields.contains(kInstrumentationsField)) {
    spec.instrumentations = std::move(wanted.spec.instrumentations);
  }
  if (fields.contains(kStitchTracesField)) spec.stitch_traces = wanted.spec.stitch_traces;
  if (fields.contains(kFrameworkRoutesField)) {
    spec.framework_routes = wanted.spec.framework_routes;
  }
  if (fields.contains(kInjectTraceparentField)) {
    spec.inject_traceparent = wanted.spec.inject_traceparent;
  }
  if (fields.contains(kHandlerFunctionField)) {
    spec.handler_function = wanted.spec.handler_function;
  }
  if (fields.contains(kCaptureQueryField)) spec.capture_query = wanted.spec.capture_query;
  if (fields.contains(kCausalityGoroutinesField)) {
    spec.causality_goroutines = wanted.spec.causality_goroutines;
  }
  if (fields.contains(kCausalityChannelsField)) {
    spec.causality_channels = wanted.spec.causality_channels;
  }
  if (fields.contains(kServerFirstByteField)) {
    spec.server_first_byte = wanted.spec.server_first_byte;
  }
  if (fields.contains(kClientBodyField)) spec.client_body = wanted.spec.client_body;
  ApplySpanLimits(wanted.spec.span_limits, fields, spec.span_limits);
  if (fields.contains(kMaxOverheadField)) spec.max_overhead = wanted.spec.max_overhead;
  if (fields.contains(kAllowSuspectField)) {
    spec.allow_suspect_profile = wanted.spec.allow_suspect_profile;
  }
  if (fields.contains(kServiceNameField)) spec.service_name = std::move(wanted.spec.service_name);
  if (fields.contains(kLabelsField)) current.labels = std::move(wanted.labels);
  return current;
}

}  // namespace uprobed::rpc
