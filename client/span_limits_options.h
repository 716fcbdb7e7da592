#ifndef UPROBED_CLIENT_SPAN_LIMITS_OPTIONS_H_
#define UPROBED_CLIENT_SPAN_LIMITS_OPTIONS_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "uprobed/v1/probe.pb.h"

namespace uprobed::client {

// Which requests become spans, as typed; what is empty was not given.
struct SpanLimitsOptions {
  std::vector<std::string> methods;
  std::vector<std::string> path_prefixes;
  std::vector<std::string> statuses;
  std::string min_duration;
  std::string sample_ratio;
  std::string rate_limit;
  int burst = 0;
  std::string only_while_streamed;
};

// Adds --method, --path-prefix, --status, --min-duration, --sample-ratio, --rate-limit, --burst,
// --only-while-streamed.
void AddSpanLimitsOptions(CLI::App& command, SpanLimitsOptions& options);

// Sets what was given, of which "none" is no limit; appends the path below Probe of each to
// `paths`. INVALID_ARGUMENT, and how to write it.
absl::Status ParseSpanLimits(const SpanLimitsOptions& options, v1::SpanLimits* limits,
                             std::vector<std::string>* paths);

// "methods GET POST, paths /api, 5xx, 50ms and more, 0.1 of traces, 100/s, only while streamed";
// empty: no limit.
std::string DescribeSpanLimits(const v1::SpanLimits& limits);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_SPAN_LIMITS_OPTIONS_H_
