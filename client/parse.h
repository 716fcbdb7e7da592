#ifndef UPROBED_CLIENT_PARSE_H_
#define UPROBED_CLIENT_PARSE_H_

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "uprobed/v1/probe.pb.h"

namespace uprobed::client {

// What a user types, turned into what the API takes. All errors are INVALID_ARGUMENT and say how
// to write it.

// "500ms", "10s", "1m30s", "1.5h". Longer than nothing, at most a year.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text);

// "http_server,http_client" comes in as its parts.
absl::StatusOr<std::vector<v1::Instrumentation>> ParseInstrumentations(
    const std::vector<std::string>& names);
// "http_server"
std::string InstrumentationName(v1::Instrumentation instrumentation);

// Sets the options named "goroutines" and "channels"; "none" alone sets none.
absl::Status ParseCausality(const std::vector<std::string>& names, v1::CausalityOptions* causality);

// Sets the options named "first-byte" and "body"; "none" alone sets none.
absl::Status ParseTiming(const std::vector<std::string>& names, v1::TimingOptions* timing);

// "1%" and "0.01" to 0.01; "unlimited" to 0. Whether there are as many CPUs the daemon knows.
absl::StatusOr<double> ParseOverhead(std::string_view text);

// "team=checkout" each; a key may come once.
absl::StatusOr<std::map<std::string, std::string>> ParseLabels(
    const std::vector<std::string>& labels);

// "shop" and "probes/shop" to "probes/shop".
absl::StatusOr<std::string> ProbeName(std::string_view name);
// "shop" and "probes/shop" to "shop".
std::string ShortName(std::string_view name);

// An absolute path stays as it is, because the daemon may see another file system. A relative one
// is meant from here: the part of it that exists is resolved, the rest is kept.
absl::StatusOr<std::string> AbsolutePath(const std::string& path);

// "/run/x.sock", "unix:/run/x.sock" and "host:port" to what gRPC takes.
absl::StatusOr<std::string> ParseAddress(std::string_view address);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_PARSE_H_
