#include "server/rpc/convert_probe.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "server/base/errors.h"
#include "server/rpc/convert_probe_status.h"
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
  to.set_max_overhead(from.max_overhead);
  to.set_service_name(ToUtf8(from.service_name));
}

absl::StatusOr<double> MaxOverhead(const v1::ProbeSpec& spec) {
  if (!spec.has_max_overhead()) return store::kDefaultMaxOverhead;
  const auto cpus = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
  const double ratio = spec.max_overhead();
  // Not a number is neither.
  if (ratio >= 0 && ratio <= cpus) return ratio;
  return FieldError(
      "MAX_OVERHEAD_INVALID", "probe.spec.max_overhead",
      fmt::format(
          "{} is no fraction of one CPU: give one above 0 and up to {:g}, the CPUs that there "
          "are, or 0 for no limit",
          ratio, cpus));
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
  ASSIGN_OR_RETURN(record.spec.max_overhead, MaxOverhead(probe.spec()));
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

absl::StatusOr<store::ProbeRecord> FromProto(const v1::Probe& probe) {
  ASSIGN_OR_RETURN(store::ProbeRecord record, FreeFields(probe));
  RETURN_IF_ERROR(FillTarget(probe.spec(), record.spec));
  return record;
}

}  // namespace uprobed::rpc
