#include "client/parse.h"

#include <array>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

absl::Status Invalid(const std::string& message) { return absl::InvalidArgumentError(message); }

struct Unit {
  std::string_view name;
  double milliseconds;
};
// Longest names first: "ms" begins with "m".
constexpr std::array kUnits = {Unit{"ms", 1}, Unit{"s", 1e3}, Unit{"m", 60e3}, Unit{"h", 3600e3}};
constexpr double kYear = 365.0 * 24 * 3600e3;

// The length of "90" or "1.5" at the start of `text`.
size_t NumberLength(std::string_view text) {
  size_t length = 0;
  while (length < text.size() &&
         ((text[length] >= '0' && text[length] <= '9') || text[length] == '.')) {
    ++length;
  }
  return length;
}

std::string_view LeadingUnit(std::string_view text, double* milliseconds) {
  for (const Unit& unit : kUnits) {
    if (text.substr(0, unit.name.size()) == unit.name) {
      *milliseconds = unit.milliseconds;
      return unit.name;
    }
  }
  return {};
}

struct InstrumentationEntry {
  const char* name;
  v1::Instrumentation value;
  bool makes_spans = true;
};
constexpr std::array kInstrumentations = {
    InstrumentationEntry{"http_server", v1::INSTRUMENTATION_HTTP_SERVER},
    InstrumentationEntry{"http_client", v1::INSTRUMENTATION_HTTP_CLIENT},
    InstrumentationEntry{"goroutines", v1::INSTRUMENTATION_GOROUTINES, false},
    InstrumentationEntry{"channels", v1::INSTRUMENTATION_CHANNELS, false},
    InstrumentationEntry{"grpc_server", v1::INSTRUMENTATION_GRPC_SERVER},
    InstrumentationEntry{"grpc_client", v1::INSTRUMENTATION_GRPC_CLIENT},
};

constexpr std::string_view kProbePrefix = "probes/";

}  // namespace

absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const absl::Status malformed = Invalid(fmt::format(
      "\"{}\" is no duration: write a number and its unit, such as 500ms, 10s or 1m30s", text));
  if (text.empty()) return malformed;
  double total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t length = NumberLength(rest);
    double number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + length, number);
    if (error != std::errc() || end != rest.data() + length) return malformed;
    rest.remove_prefix(length);
    double factor = 0;
    const std::string_view unit = LeadingUnit(rest, &factor);
    if (unit.empty()) return malformed;
    rest.remove_prefix(unit.size());
    total += number * factor;
  }
  if (total < 1) return Invalid(fmt::format("\"{}\" is too short: at least 1ms", text));
  if (total > kYear) return Invalid(fmt::format("\"{}\" is too long: at most a year", text));
  return std::chrono::milliseconds(static_cast<int64_t>(total));
}

absl::StatusOr<std::vector<v1::Instrumentation>> ParseInstrumentations(
    const std::vector<std::string>& names) {
  std::vector<v1::Instrumentation> instrumentations;
  for (const std::string& name : names) {
    bool known = false;
    for (const InstrumentationEntry& entry : kInstrumentations) {
      if (name != entry.name || !entry.makes_spans) continue;
      instrumentations.push_back(entry.value);
      known = true;
    }
    if (!known) {
      return Invalid(
          fmt::format("\"{}\" is no instrumentation: there are http_server, http_client, "
                      "grpc_server and grpc_client",
                      name));
    }
  }
  return instrumentations;
}

std::string InstrumentationName(v1::Instrumentation instrumentation) {
  for (const InstrumentationEntry& entry : kInstrumentations) {
    if (entry.value == instrumentation) return entry.name;
  }
  return fmt::format("instrumentation {}", static_cast<int>(instrumentation));
}

absl::Status ParseCausality(const std::vector<std::string>& names,
                            v1::CausalityOptions* causality) {
  for (const std::string& name : names) {
    if (name == "goroutines") {
      causality->set_goroutines(true);
    } else if (name == "channels") {
      causality->set_channels(true);
    } else if (name != "none" || names.size() > 1) {
      return Invalid(fmt::format(
          "\"{}\" finds no parents: there are goroutines and channels, or none alone", name));
    }
  }
  return absl::OkStatus();
}

absl::Status ParseTiming(const std::vector<std::string>& names, v1::TimingOptions* timing) {
  for (const std::string& name : names) {
    if (name == "first-byte") {
      timing->set_server_first_byte(true);
    } else if (name == "body") {
      timing->set_client_body(true);
    } else if (name != "none" || names.size() > 1) {
      return Invalid(fmt::format(
          "\"{}\" is no time of a response: there are first-byte and body, or none alone", name));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<double> ParseOverhead(std::string_view text) {
  if (text == "unlimited") return 0.0;
  const bool percent = text.ends_with('%');
  const std::string_view digits = percent ? text.substr(0, text.size() - 1) : text;
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is no part of a CPU: write 1%, 0.01 or unlimited", text));
  }
  return percent ? number / 100 : number;
}

absl::StatusOr<std::map<std::string, std::string>> ParseLabels(
    const std::vector<std::string>& labels) {
  std::map<std::string, std::string> parsed;
  for (const std::string& label : labels) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Invalid(fmt::format("\"{}\" is no label: write key=value", label));
    }
    const std::string key = label.substr(0, equals);
    if (!parsed.emplace(key, label.substr(equals + 1)).second) {
      return Invalid(fmt::format("the label \"{}\" is given twice", key));
    }
  }
  return parsed;
}

absl::StatusOr<std::string> ProbeName(std::string_view name) {
  const std::string id = ShortName(name);
  if (id.empty() || id.find('/') != std::string::npos) {
    return Invalid(fmt::format(
        "\"{}\" is no probe's name: write it as `uprobectl probes` shows it, such as shop", name));
  }
  return std::string(kProbePrefix) + id;
}

std::string ShortName(std::string_view name) {
  if (name.substr(0, kProbePrefix.size()) == kProbePrefix) name.remove_prefix(kProbePrefix.size());
  return std::string(name);
}

absl::StatusOr<std::string> AbsolutePath(const std::string& path) {
  if (path.empty()) return Invalid("the path is empty: write the path of a Go program");
  if (path.front() == '/') return path;
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) {
    return Invalid(fmt::format("\"{}\" cannot be made absolute ({}): write the absolute path", path,
                               error.message()));
  }
  std::filesystem::path resolved = std::filesystem::weakly_canonical(absolute, error);
  // What cannot be looked into from here may still be readable to the daemon.
  if (error) resolved = absolute.lexically_normal();
  return resolved.string();
}

absl::StatusOr<std::string> ParseAddress(std::string_view address) {
  if (address.empty()) {
    return Invalid("the address is empty: write unix:/run/uprobed/uprobed.sock or host:port");
  }
  if (address.front() == '/') return fmt::format("unix:{}", address);
  if (address.find(':') == std::string_view::npos) {
    return Invalid(fmt::format(
        "\"{}\" is no address: write unix:/run/uprobed/uprobed.sock or host:port", address));
  }
  return std::string(address);
}

}  // namespace uprobed::client
