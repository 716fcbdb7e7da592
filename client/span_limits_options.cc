#include "client/span_limits_options.h"

#include <array>
#include <charconv>
#include <chrono>
#include <string_view>
#include <utility>

#include "client/parse.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace uprobed::client {
namespace {

constexpr char kNone[] = "none";
constexpr char kGiven[] = "true";  // of a flag without a value

constexpr std::array<std::pair<std::string_view, v1::SpanLimits::StatusClass>, 6> kClasses = {{
    {"1xx", v1::SpanLimits::STATUS_CLASS_1XX},
    {"2xx", v1::SpanLimits::STATUS_CLASS_2XX},
    {"3xx", v1::SpanLimits::STATUS_CLASS_3XX},
    {"4xx", v1::SpanLimits::STATUS_CLASS_4XX},
    {"5xx", v1::SpanLimits::STATUS_CLASS_5XX},
    {"no-response", v1::SpanLimits::STATUS_CLASS_NO_RESPONSE},
}};

bool IsNone(const std::vector<std::string>& given) {
  return given.size() == 1 && given.front() == kNone;
}

absl::StatusOr<double> ParseNumber(std::string_view option, std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is no number: write {} 0.5, or none", text, option));
}

absl::Status ParseStatuses(const std::vector<std::string>& statuses, v1::SpanLimits* limits) {
  for (const std::string& status : statuses) {
    bool known = false;
    for (const auto& [name, value] : kClasses) {
      if (status != name) continue;
      limits->add_status_classes(value);
      known = true;
    }
    if (!known) {
      return absl::InvalidArgumentError(fmt::format(
          "\"{}\" is no class of statuses: there are 1xx to 5xx and no-response, or none alone",
          status));
    }
  }
  return absl::OkStatus();
}

absl::Status ParseMinDuration(const std::string& text, v1::SpanLimits* limits) {
  if (text == kNone) return absl::OkStatus();
  const absl::StatusOr<std::chrono::milliseconds> duration = ParseDuration(text);
  if (!duration.ok()) return duration.status();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*duration);
  limits->mutable_min_duration()->set_seconds(seconds.count());
  limits->mutable_min_duration()->set_nanos(
      static_cast<int32_t>(std::chrono::nanoseconds(*duration - seconds).count()));
  return absl::OkStatus();
}

absl::Status ParseRate(const SpanLimitsOptions& options, v1::SpanLimits* limits) {
  if (options.rate_limit == kNone) return absl::OkStatus();
  const absl::StatusOr<double> rate = ParseNumber("--rate-limit", options.rate_limit);
  if (!rate.ok()) return rate.status();
  limits->mutable_rate_limit()->set_spans_per_second(*rate);
  limits->mutable_rate_limit()->set_burst(options.burst);
  return absl::OkStatus();
}

absl::Status ParseRatio(const std::string& text, v1::SpanLimits* limits) {
  if (text == kNone) return absl::OkStatus();
  const absl::StatusOr<double> ratio = ParseNumber("--sample-ratio", text);
  if (ratio.ok()) limits->set_sample_ratio(*ratio);
  return ratio.status();
}

absl::Status ParseOnlyWhileStreamed(const std::string& text, v1::SpanLimits* limits) {
  if (text != kGiven && text != kNone) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is no value of it: write --only-while-streamed, or "
                    "--only-while-streamed=none",
                    text));
  }
  limits->set_only_while_streamed(text == kGiven);
  return absl::OkStatus();
}

std::string ClassName(int value) {
  for (const auto& [name, known] : kClasses) {
    if (known == value) return std::string(name);
  }
  return fmt::format("class {}", value);
}

}  // namespace

void AddSpanLimitsOptions(CLI::App& command, SpanLimitsOptions& options) {
  const std::string group = "Which requests become spans (metrics count all; none: no limit)";
  command
      .add_option("--method", options.methods, "These methods only, with commas; gRPC's is POST")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(group);
  command
      .add_option("--path-prefix", options.path_prefixes,
                  "Paths that begin with one of these only; may be repeated")
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--status", options.statuses, "1xx to 5xx and no-response only, with commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--min-duration", options.min_duration, "Requests that take so long: 50ms")
      ->group(group);
  command
      .add_option("--sample-ratio", options.sample_ratio,
                  "So much of the traces that begin here, 0 to 1; a parent's decision is obeyed")
      ->group(group);
  CLI::Option* rate =
      command.add_option("--rate-limit", options.rate_limit, "So many spans a second at most")
          ->group(group);
  command.add_option("--burst", options.burst, "So many at once; else those of a second")
      ->needs(rate)
      ->group(group);
  // A flag with a value, which is never what stands behind it.
  command
      .add_flag("--only-while-streamed", options.only_while_streamed,
                "While somebody streams spans or watches the topology; =none takes it back")
      ->group(group);
}

absl::Status ParseSpanLimits(const SpanLimitsOptions& options, v1::SpanLimits* limits,
                             std::vector<std::string>* paths) {
  absl::Status status;
  const auto given = [&](bool is_given, const char* field) {
    if (is_given) paths->push_back(fmt::format("spec.span_limits.{}", field));
    return is_given;
  };
  if (given(!options.methods.empty(), "methods") && !IsNone(options.methods)) {
    for (const std::string& method : options.methods) limits->add_methods(method);
  }
  if (given(!options.path_prefixes.empty(), "path_prefixes") && !IsNone(options.path_prefixes)) {
    for (const std::string& prefix : options.path_prefixes) limits->add_path_prefixes(prefix);
  }
  if (given(!options.statuses.empty(), "status_classes") && !IsNone(options.statuses)) {
    status.Update(ParseStatuses(options.statuses, limits));
  }
  if (given(!options.min_duration.empty(), "min_duration")) {
    status.Update(ParseMinDuration(options.min_duration, limits));
  }
  if (given(!options.sample_ratio.empty(), "sample_ratio")) {
    status.Update(ParseRatio(options.sample_ratio, limits));
  }
  if (given(!options.rate_limit.empty(), "rate_limit")) status.Update(ParseRate(options, limits));
  if (given(!options.only_while_streamed.empty(), "only_while_streamed")) {
    status.Update(ParseOnlyWhileStreamed(options.only_while_streamed, limits));
  }
  return status;
}

std::string DescribeSpanLimits(const v1::SpanLimits& limits) {
  std::vector<std::string> parts;
  if (!limits.methods().empty()) {
    parts.push_back(fmt::format("methods {}", fmt::join(limits.methods(), " ")));
  }
  if (!limits.path_prefixes().empty()) {
    parts.push_back(fmt::format("paths {}", fmt::join(limits.path_prefixes(), " ")));
  }
  for (const int value : limits.status_classes()) parts.push_back(ClassName(value));
  if (limits.has_min_duration()) {
    constexpr double kMillisPerSecond = 1e3;
    constexpr double kNanosPerMilli = 1e6;
    const double millis = static_cast<double>(limits.min_duration().seconds()) * kMillisPerSecond +
                          static_cast<double>(limits.min_duration().nanos()) / kNanosPerMilli;
    parts.push_back(fmt::format("{}ms and more", millis));
  }
  if (limits.has_sample_ratio()) {
    parts.push_back(fmt::format("{} of traces", limits.sample_ratio()));
  }
  if (limits.has_rate_limit()) {
    parts.push_back(fmt::format("{}/s", limits.rate_limit().spans_per_second()));
    if (limits.rate_limit().burst() > 0) {
      parts.back() += fmt::format(" in bursts of {}", limits.rate_limit().burst());
    }
  }
  if (limits.only_while_streamed()) parts.emplace_back("only while streamed");
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace uprobed::client
