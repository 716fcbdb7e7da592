#include "server/rpc/convert_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <climits>
#include <limits>
#include <string_view>
#include <utility>

#include "server/base/errors.h"
#include "server/rpc/convert_span_limits.h"
#include "server/rpc/convert_time.h"
#include "server/rpc/resource_name.h"
#include "server/rpc/status.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

constexpr int kMaxLabels = 64;
constexpr size_t kMaxLabelKeyBytes = 63;
constexpr size_t kMaxLabelValueBytes = 255;
constexpr size_t kMaxServiceNameBytes = 255;

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
constexpr char kAllowSuspectField[] = "spec.allow_suspect_profile";
constexpr char kServiceNameField[] = "spec.service_name";
constexpr char kLabelsField[] = "labels";

constexpr std::array<std::pair<up_counter, const char*>, 27> kHits{{
    {UP_COUNTER_HITS_CLIENT_CONNECTION, "client_connection"},
    {UP_COUNTER_HITS_HTTP2_CLIENT_ATTEMPT, "http2_client_attempt"},
    {UP_COUNTER_HITS_HTTP2_CLIENT_STREAM, "http2_client_stream"},
    {UP_COUNTER_HITS_CLIENT_CONNECTION, "client_connection"},
    {UP_COUNTER_HITS_CLIENT_HEADERS, "client_headers"},
    {UP_COUNTER_HITS_HTTP2_CLIENT_HEADERS, "http2_client_headers"},
    {UP_COUNTER_HITS_SERVER_START, "server_start"},
    {UP_COUNTER_HITS_SERVER_END, "server_end"},
    {UP_COUNTER_HITS_CLIENT_START, "client_start"},
    {UP_COUNTER_HITS_CLIENT_END, "client_end"},
    {UP_COUNTER_HITS_SERVER_RECOVER, "server_recover"},
    {UP_COUNTER_HITS_SERVER_REFUSED, "server_refused"},
    {UP_COUNTER_HITS_SERVER_ROUTE, "server_route"},
    {UP_COUNTER_HITS_SERVER_HANDLER, "server_handler"},
    {UP_COUNTER_HITS_HTTP2_SERVER_START, "http2_server_start"},
    {UP_COUNTER_HITS_HTTP2_SERVER_END, "http2_server_end"},
    {UP_COUNTER_HITS_HTTP2_SERVER_UNFINISHED, "http2_server_unfinished"},
    {UP_COUNTER_HITS_GOROUTINE_START, "goroutine_start"},
    {UP_COUNTER_HITS_TIMER, "timer"},
    {UP_COUNTER_HITS_CHANNEL_SEND, "channel_send"},
    {UP_COUNTER_HITS_CHANNEL_RECEIVE, "channel_receive"},
    {UP_COUNTER_HITS_GRPC_SERVER_START, "grpc_server_start"},
    {UP_COUNTER_HITS_GRPC_SERVER_END, "grpc_server_end"},
    {UP_COUNTER_HITS_GRPC_CLIENT_START, "grpc_client_start"},
    {UP_COUNTER_HITS_GRPC_CLIENT_END, "grpc_client_end"},
    {UP_COUNTER_HITS_SERVER_FIRST_BYTE, "server_first_byte"},
    {UP_COUNTER_HITS_CLIENT_BODY, "client_body"},
}};
constexpr std::array<std::pair<up_counter, const char*>, 8> kLosses{{
    {UP_COUNTER_LOST_RING_FULL, "ring_full"},
    {UP_COUNTER_LOST_MAP_FULL, "map_full"},
    {UP_COUNTER_LOST_NO_START, "no_start"},
    {UP_COUNTER_LOST_ABANDONED, "abandoned"},
    {UP_COUNTER_LOST_READ_FAULT, "read_fault"},
    {UP_COUNTER_LOST_PREEMPTED, "preempted"},
    {UP_COUNTER_LOST_PROCESS_EXITED, "process_exited"},
    {UP_COUNTER_LOST_DETACHED, "detached"},
}};
constexpr std::array<std::pair<up_counter, const char*>, 3> kSuppressed{{
    {UP_COUNTER_SUPPRESSED_FILTERED, "filtered"},
    {UP_COUNTER_SUPPRESSED_SAMPLED, "sampled"},
    {UP_COUNTER_SUPPRESSED_RATE_LIMITED, "rate_limited"},
}};
constexpr std::array<std::pair<up_counter, const char*>, 5> kNotInjected{{
    {UP_COUNTER_NOT_INJECTED_OWN_HEADER, "own_header"},
    {UP_COUNTER_NOT_INJECTED_HEADERS, "headers"},
    {UP_COUNTER_NOT_INJECTED_NO_ROOM, "no_room"},
    {UP_COUNTER_NOT_INJECTED_NO_REQUEST, "no_request"},
    {UP_COUNTER_NOT_INJECTED_FAULT, "fault"},
}};

v1::Probe::State StateToProto(control::ProbeState state) {
  switch (state) {
    case control::ProbeState::kPending:
      return v1::Probe::STATE_PENDING;
    case control::ProbeState::kActive:
      return v1::Probe::STATE_ACTIVE;
    case control::ProbeState::kDegraded:
      return v1::Probe::STATE_DEGRADED;
    case control::ProbeState::kWaiting:
      return v1::Probe::STATE_WAITING;
    case control::ProbeState::kDisabled:
      return v1::Probe::STATE_DISABLED;
    case control::ProbeState::kFailed:
      return v1::Probe::STATE_FAILED;
  }
  return v1::Probe::STATE_UNSPECIFIED;
}

void FillSpec(const store::ProbeSpec& from, v1::ProbeSpec& to) {
  if (from.pid != 0) {
    to.set_pid(static_cast<int32_t>(from.pid));
  } else {
    to.set_binary_path(ToUtf8(from.binary_path));
  }
  for (const profile::Instrumentation instrumentation : from.instrumentations) {
    to.add_instrumentations(ToProto(instrumentation));
  }
  to.set_enabled(from.enabled);
  to.set_capture_query(from.capture_query);
  to.set_stitch_traces(from.stitch_traces);
  to.set_framework_routes(from.framework_routes);
  to.set_inject_traceparent(from.inject_traceparent);
  to.set_handler_function(from.handler_function);
  to.set_allow_suspect_profile(from.allow_suspect_profile);
  to.mutable_causality()->set_goroutines(from.causality_goroutines);
  to.mutable_causality()->set_channels(from.causality_channels);
  to.mutable_timing()->set_server_first_byte(from.server_first_byte);
  to.mutable_timing()->set_client_body(from.client_body);
  FillSpanLimits(from.span_limits, *to.mutable_span_limits());
  to.set_service_name(ToUtf8(from.service_name));
}

void FillCounters(const control::ProbeStatus& from, v1::ProbeCounters& to) {
  to.set_spans(from.spans);
  for (const auto& [counter, name] : kHits) {
    (*to.mutable_hits())[name] = from.counters.value[counter];
  }
  for (const auto& [counter, name] : kLosses) {
    (*to.mutable_losses())[name] = from.counters.value[counter];
  }
  for (const auto& [counter, name] : kSuppressed) {
    (*to.mutable_suppressed())[name] = from.counters.value[counter];
  }
  to.set_injected(from.counters.value[UP_COUNTER_INJECTED]);
  for (const auto& [counter, name] : kNotInjected) {
    (*to.mutable_not_injected())[name] = from.counters.value[counter];
  }
}

int32_t Clamp(uint32_t value) {
  return static_cast<int32_t>(
      std::min(value, static_cast<uint32_t>(std::numeric_limits<int32_t>::max())));
}

void FillStatus(const control::ProbeStatus& from, v1::ProbeStatus& to) {
  to.set_state(StateToProto(from.state));
  to.set_observed_generation(from.observed_generation);
  if (!from.error.ok()) {
    to.mutable_error()->set_code(static_cast<int>(from.error.code()));
    to.mutable_error()->set_reason(ReasonOf(from.error));
    to.mutable_error()->set_message(ToUtf8(std::string(from.error.message())));
  }
  if (!from.profile_id.empty()) to.set_profile(ProfileName(from.profile_id));
  to.set_attached_sites(Clamp(from.attached_sites));
  to.set_single_stepped_sites(Clamp(from.single_stepped_sites));
  to.set_attached_binaries(Clamp(from.attached_binaries));
  for (const uint32_t pid : from.pids) to.add_pids(Clamp(pid));
  FillCounters(from, *to.mutable_counters());
  if (from.transition_time_unix_ns != 0) {
    *to.mutable_transition_time() = ToTimestamp(from.transition_time_unix_ns);
  }
}

absl::Status CheckLabels(const google::protobuf::Map<std::string, std::string>& labels) {
  if (labels.size() > kMaxLabels) {
    return FieldError("LABELS_INVALID", "probe.labels",
                      fmt::format("{} labels are too many: at most {}", labels.size(), kMaxLabels));
  }
  for (const auto& [key, value] : labels) {
    if (key.empty() || key.size() > kMaxLabelKeyBytes || value.size() > kMaxLabelValueBytes) {
      return FieldError("LABELS_INVALID", "probe.labels",
                        fmt::format("a label's key has 1 to {} bytes, its value at most {}",
                                    kMaxLabelKeyBytes, kMaxLabelValueBytes));
    }
  }
  return absl::OkStatus();
}

absl::Status FillTarget(const v1::ProbeSpec& from, store::ProbeSpec& to) {
  switch (from.target_case()) {
    case v1::ProbeSpec::kBinaryPath:
      if (from.binary_path().empty()) break;
      RETURN_IF_ERROR(CheckPath(from.binary_path(), "probe.spec.binary_path"));
      to.binary_path = from.binary_path();
      return absl::OkStatus();
    case v1::ProbeSpec::kPid:
      RETURN_IF_ERROR(CheckPid(from.pid(), "probe.spec.pid"));
      to.pid = static_cast<uint32_t>(from.pid());
      return absl::OkStatus();
    case v1::ProbeSpec::TARGET_NOT_SET:
      break;
  }
  return TargetMissing("probe.spec");
}

// All that a caller may choose but the target.
absl::StatusOr<store::ProbeRecord> FreeFields(const v1::Probe& probe) {
  store::ProbeRecord record;
  ASSIGN_OR_RETURN(record.spec.instrumentations,
                   FromProto(probe.spec().instrumentations(), "probe.spec.instrumentations"));
  record.spec.enabled = !probe.spec().has_enabled() || probe.spec().enabled();
  record.spec.capture_query = probe.spec().capture_query();
  record.spec.stitch_traces = probe.spec().stitch_traces();
  record.spec.framework_routes = probe.spec().framework_routes();
  record.spec.inject_traceparent = probe.spec().inject_traceparent();
  record.spec.handler_function = probe.spec().handler_function();
  record.spec.causality_goroutines = probe.spec().causality().goroutines();
  record.spec.causality_channels = probe.spec().causality().channels();
  record.spec.server_first_byte = probe.spec().timing().server_first_byte();
  record.spec.client_body = probe.spec().timing().client_body();
  ASSIGN_OR_RETURN(record.spec.span_limits, FromProto(probe.spec().span_limits()));
  record.spec.allow_suspect_profile = probe.spec().allow_suspect_profile();
  if (probe.spec().service_name().size() > kMaxServiceNameBytes) {
    return FieldError("SERVICE_NAME_INVALID", "probe.spec.service_name",
                      fmt::format("a service name has at most {} bytes", kMaxServiceNameBytes));
  }
  record.spec.service_name = probe.spec().service_name();
  RETURN_IF_ERROR(CheckLabels(probe.labels()));
  record.labels.insert(probe.labels().begin(), probe.labels().end());
  return record;
}

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
                               kServerFirstByteField,
                               kClientBodyField};
  fields.insert(SpanLimitsFields().begin(), SpanLimitsFields().end());
  return fields;
}

}  // namespace

v1::Instrumentation ToProto(profile::Instrumentation instrumentation) {
  switch (instrumentation) {
    case profile::Instrumentation::kHttpServer:
      return v1::INSTRUMENTATION_HTTP_SERVER;
    case profile::Instrumentation::kHttpClient:
      return v1::INSTRUMENTATION_HTTP_CLIENT;
    case profile::Instrumentation::kGoroutines:
      return v1::INSTRUMENTATION_GOROUTINES;
    case profile::Instrumentation::kChannels:
      return v1::INSTRUMENTATION_CHANNELS;
    case profile::Instrumentation::kGrpcServer:
      return v1::INSTRUMENTATION_GRPC_SERVER;
    case profile::Instrumentation::kGrpcClient:
      return v1::INSTRUMENTATION_GRPC_CLIENT;
  }
  return v1::INSTRUMENTATION_UNSPECIFIED;
}

v1::Probe ToProto(const control::Probe& probe) {
  v1::Probe result;
  result.set_name(ProbeName(probe.record.id));
  result.set_uid(probe.record.uid);
  result.set_etag(probe.etag());
  result.set_generation(probe.record.generation);
  FillSpec(probe.record.spec, *result.mutable_spec());
  FillStatus(probe.status, *result.mutable_status());
  result.mutable_status()->set_binary_path(ToUtf8(probe.record.spec.binary_path));
  for (const auto& [key, value] : probe.record.labels) {
    (*result.mutable_labels())[ToUtf8(key)] = ToUtf8(value);
  }
  *result.mutable_create_time() = ToTimestamp(probe.record.create_time_unix_ns);
  *result.mutable_update_time() = ToTimestamp(probe.record.update_time_unix_ns);
  return result;
}

absl::StatusOr<std::vector<profile::Instrumentation>> FromProto(
    const google::protobuf::RepeatedField<int>& instrumentations, const std::string& field) {
  std::vector<profile::Instrumentation> result;
  for (const int value : instrumentations) {
    profile::Instrumentation instrumentation{};
    switch (value) {
      case v1::INSTRUMENTATION_HTTP_SERVER:
        instrumentation = profile::Instrumentation::kHttpServer;
        break;
      case v1::INSTRUMENTATION_HTTP_CLIENT:
        instrumentation = profile::Instrumentation::kHttpClient;
        break;
      case v1::INSTRUMENTATION_GRPC_SERVER:
        instrumentation = profile::Instrumentation::kGrpcServer;
        break;
      case v1::INSTRUMENTATION_GRPC_CLIENT:
        instrumentation = profile::Instrumentation::kGrpcClient;
        break;
      default:
        return FieldError("INSTRUMENTATION_UNKNOWN", field,
                          fmt::format("{} is no instrumentation that this daemon knows: give "
                                      "INSTRUMENTATION_HTTP_SERVER, INSTRUMENTATION_HTTP_CLIENT, "
                                      "INSTRUMENTATION_GRPC_SERVER, INSTRUMENTATION_GRPC_CLIENT or "
                                      "none for all",
                                      value));
    }
    if (std::find(result.begin(), result.end(), instrumentation) == result.end()) {
      result.push_back(instrumentation);
    }
  }
  return result;
}

absl::Status CheckPath(const std::string& path, const std::string& field) {
  if (!path.starts_with('/')) {
    return FieldError("TARGET_NOT_ABSOLUTE", field,
                      "the daemon has a working directory of its own: give an absolute path");
  }
  if (path.size() >= PATH_MAX || path.find('\0') != std::string::npos) {
    return FieldError("PATH_MALFORMED", field,
                      fmt::format("a path has less than {} bytes and no NUL", PATH_MAX));
  }
  return absl::OkStatus();
}

absl::Status CheckPid(int32_t pid, const std::string& field) {
  if (pid > 0) return absl::OkStatus();
  return FieldError("PID_INVALID", field,
                    fmt::format("{} is no process: give a number above 0", pid));
}

absl::Status TargetMissing(const std::string& field) {
  return FieldError("TARGET_MISSING", field, "no target: give binary_path or pid");
}

absl::StatusOr<store::ProbeRecord> FromProto(const v1::Probe& probe) {
  ASSIGN_OR_RETURN(store::ProbeRecord record, FreeFields(probe));
  RETURN_IF_ERROR(FillTarget(probe.spec(), record.spec));
  return record;
}

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
  if (fields.contains(kAllowSuspectField)) {
    spec.allow_suspect_profile = wanted.spec.allow_suspect_profile;
  }
  if (fields.contains(kServiceNameField)) spec.service_name = std::move(wanted.spec.service_name);
  if (fields.contains(kLabelsField)) current.labels = std::move(wanted.labels);
  return current;
}

}  // namespace uprobed::rpc
