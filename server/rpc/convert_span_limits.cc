#include "server/rpc/convert_span_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "bpf/abi/http_event.h"
#include "bpf/abi/span_limits.h"
#include "server/base/errors.h"
#include "server/rpc/convert_time.h"
#include "server/rpc/status.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

constexpr char kMethodsField[] = "spec.span_limits.methods";
constexpr char kPathPrefixesField[] = "spec.span_limits.path_prefixes";
constexpr char kStatusClassesField[] = "spec.span_limits.status_classes";
constexpr char kMinDurationField[] = "spec.span_limits.min_duration";
constexpr char kSampleRatioField[] = "spec.span_limits.sample_ratio";
constexpr char kRateLimitField[] = "spec.span_limits.rate_limit";
constexpr char kOnlyWhileStreamedField[] = "spec.span_limits.only_while_streamed";

constexpr int64_t kMaxMinDurationSeconds = 86'400;
constexpr double kMinRate = 0.001;
constexpr double kMaxRate = 1'000'000;
constexpr int32_t kMaxBurst = 1'000'000;

absl::Status Invalid(std::string_view field, std::string_view message) {
  return FieldError("SPAN_LIMITS_INVALID", fmt::format("probe.{}", field), message);
}

// What RFC 9110, 5.6.2, calls a token.
bool IsToken(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

absl::StatusOr<std::vector<std::string>> Methods(const v1::SpanLimits& from) {
  if (from.methods_size() > UP_LIMIT_METHODS) {
    return Invalid(kMethodsField, fmt::format("{} methods are too many: at most {}",
                                              from.methods_size(), UP_LIMIT_METHODS));
  }
  for (const std::string& method : from.methods()) {
    if (method.empty() || method.size() > UP_METHOD_MAX || !IsToken(method)) {
      return Invalid(kMethodsField,
                     fmt::format("\"{}\" is no method: a token of 1 to {} bytes, such as GET",
                                 ToUtf8(method), UP_METHOD_MAX));
    }
  }
  return std::vector<std::string>(from.methods().begin(), from.methods().end());
}

absl::StatusOr<std::vector<std::string>> PathPrefixes(const v1::SpanLimits& from) {
  if (from.path_prefixes_size() > UP_LIMIT_PREFIXES) {
    return Invalid(kPathPrefixesField, fmt::format("{} prefixes are too many: at most {}",
                                                   from.path_prefixes_size(), UP_LIMIT_PREFIXES));
  }
  for (const std::string& prefix : from.path_prefixes()) {
    if (!prefix.starts_with('/') || prefix.size() > UP_LIMIT_PREFIX_MAX ||
        prefix.find('\0') != std::string::npos) {
      return Invalid(kPathPrefixesField,
                     fmt::format("\"{}\" is no prefix of a path: it begins with / and has at most "
                                 "{} bytes",
                                 ToUtf8(prefix), UP_LIMIT_PREFIX_MAX));
    }
  }
  return std::vector<std::string>(from.path_prefixes().begin(), from.path_prefixes().end());
}

absl::StatusOr<uint32_t> StatusClasses(const v1::SpanLimits& from) {
  uint32_t classes = 0;
  for (const int value : from.status_classes()) {
    if (value < v1::SpanLimits::STATUS_CLASS_NO_RESPONSE ||
        value > v1::SpanLimits::STATUS_CLASS_5XX) {
      return Invalid(kStatusClassesField,
                     fmt::format("{} is no class that this daemon knows: give STATUS_CLASS_1XX to "
                                 "STATUS_CLASS_5XX, or STATUS_CLASS_NO_RESPONSE",
                                 value));
    }
    classes |= 1U << (value - v1::SpanLimits::STATUS_CLASS_NO_RESPONSE);
  }
  return classes;
}

absl::StatusOr<int64_t> MinDuration(const v1::SpanLimits& from) {
  const google::protobuf::Duration& duration = from.min_duration();
  // The nanos of a valid duration have the sign of its seconds.
  if (duration.seconds() < 0 || duration.seconds() > kMaxMinDurationSeconds ||
      duration.nanos() < 0 || duration.nanos() >= kNanosPerSecond) {
    return Invalid(kMinDurationField, "a duration is not negative and at most a day");
  }
  return duration.seconds() * kNanosPerSecond + duration.nanos();
}

absl::Status FillRate(const v1::SpanLimits& from, SpanLimits& to) {
  if (!from.has_rate_limit()) return absl::OkStatus();
  const double rate = from.rate_limit().spans_per_second();
  if (!(rate >= kMinRate && rate <= kMaxRate)) {  // so that NaN is none either
    return Invalid(
        fmt::format("{}.spans_per_second", kRateLimitField),
        fmt::format("{} is no rate: give {} to {} spans a second", rate, kMinRate, kMaxRate));
  }
  const int32_t burst = from.rate_limit().burst();
  if (burst < 0 || burst > kMaxBurst) {
    return Invalid(fmt::format("{}.burst", kRateLimitField),
                   fmt::format("{} is no burst: give 1 to {} spans, or 0 for those of a second",
                               burst, kMaxBurst));
  }
  to.spans_per_second = rate;
  to.burst = static_cast<uint32_t>(burst);
  return absl::OkStatus();
}

}  // namespace

void FillSpanLimits(const SpanLimits& from, v1::SpanLimits& to) {
  for (const std::string& method : from.methods) to.add_methods(ToUtf8(method));
  for (const std::string& prefix : from.path_prefixes) to.add_path_prefixes(ToUtf8(prefix));
  for (int bit = UP_STATUS_CLASS_NONE; bit <= UP_STATUS_CLASS_MAX; ++bit) {
    if ((from.status_classes >> bit & 1U) == 0) continue;
    to.add_status_classes(
        static_cast<v1::SpanLimits::StatusClass>(v1::SpanLimits::STATUS_CLASS_NO_RESPONSE + bit));
  }
  if (from.min_duration_ns != 0) *to.mutable_min_duration() = ToDuration(from.min_duration_ns);
  if (from.sample_ratio.has_value()) to.set_sample_ratio(*from.sample_ratio);
  if (from.spans_per_second > 0) {
    to.mutable_rate_limit()->set_spans_per_second(from.spans_per_second);
    to.mutable_rate_limit()->set_burst(static_cast<int32_t>(from.burst));
  }
  to.set_only_while_streamed(from.only_while_streamed);
}

absl::StatusOr<SpanLimits> FromProto(const v1::SpanLimits& limits) {
  SpanLimits result;
  ASSIGN_OR_RETURN(result.methods, Methods(limits));
  ASSIGN_OR_RETURN(result.path_prefixes, PathPrefixes(limits));
  ASSIGN_OR_RETURN(result.status_classes, StatusClasses(limits));
  ASSIGN_OR_RETURN(result.min_duration_ns, MinDuration(limits));
  if (limits.has_sample_ratio()) {
    if (!(limits.sample_ratio() >= 0 && limits.sample_ratio() <= 1)) {
      return Invalid(kSampleRatioField,
                     fmt::format("{} is no ratio: give 0 to 1", limits.sample_ratio()));
    }
    result.sample_ratio = limits.sample_ratio();
  }
  RETURN_IF_ERROR(FillRate(limits, result));
  result.only_while_streamed = limits.only_while_streamed();
  return result;
}

const std::vector<std::string>& SpanLimitsFields() {
  static const auto& fields = *new std::vector<std::string>{
      kMethodsField,     kPathPrefixesField, kStatusClassesField,    kMinDurationField,
      kSampleRatioField, kRateLimitField,    kOnlyWhileStreamedField};
  return fields;
}

void ApplySpanLimits(const SpanLimits& wanted, const std::set<std::string>& fields,
                     SpanLimits& current) {
  if (fields.contains(kMethodsField)) current.methods = wanted.methods;
  if (fields.contains(kPathPrefixesField)) current.path_prefixes = wanted.path_prefixes;
  if (fields.contains(kStatusClassesField)) current.status_classes = wanted.status_classes;
  if (fields.contains(kMinDurationField)) current.min_duration_ns = wanted.min_duration_ns;
  if (fields.contains(kSampleRatioField)) current.sample_ratio = wanted.sample_ratio;
  if (fields.contains(kRateLimitField)) {
    current.spans_per_second = wanted.spans_per_second;
    current.burst = wanted.burst;
  }
  if (fields.contains(kOnlyWhileStreamedField)) {
    current.only_while_streamed = wanted.only_while_streamed;
  }
}

}  // namespace uprobed::rpc
