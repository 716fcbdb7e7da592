#include "server/control/service_name.h"

#include <optional>

namespace uprobed::control {
namespace {

constexpr std::string_view kNameVariable = "OTEL_SERVICE_NAME=";
constexpr std::string_view kAttributesVariable = "OTEL_RESOURCE_ATTRIBUTES=";
constexpr std::string_view kNameAttribute = "service.name";

std::string_view TakeUntil(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return taken;
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<unsigned> HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// Values are W3C Baggage octets: what is outside of that alphabet is percent-encoded
// (OpenTelemetry specification, Resource SDK, "Specifying resource information via an environment
// variable").
std::string PercentDecode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const std::optional<unsigned> high = HexDigit(text[i + 1]);
      const std::optional<unsigned> low = HexDigit(text[i + 2]);
      if (high.has_value() && low.has_value()) {
        decoded += static_cast<char>(*high * 16 + *low);
        i += 2;
        continue;
      }
    }
    decoded += text[i];
  }
  return decoded;
}

std::string NameFromAttributes(std::string_view attributes) {
  while (!attributes.empty()) {
    std::string_view value = TakeUntil(attributes, ',');
    const std::string_view key = TakeUntil(value, '=');
    if (Trim(key) == kNameAttribute) return PercentDecode(Trim(value));
  }
  return {};
}

}  // namespace

std::string ServiceNameFromEnvironment(std::string_view environment) {
  std::string from_attributes;
  while (!environment.empty()) {
    const std::string_view assignment = TakeUntil(environment, '\0');
    if (assignment.starts_with(kNameVariable)) {
      const std::string_view name = Trim(assignment.substr(kNameVariable.size()));
      if (!name.empty()) return std::string(name);
    }
    if (assignment.starts_with(kAttributesVariable)) {
      from_attributes = NameFromAttributes(assignment.substr(kAttributesVariable.size()));
    }
  }
  return from_attributes;
}

std::string ChooseServiceName(const std::string& of_probe, const std::string& of_process,
                              const std::string& binary_path) {
  if (!of_probe.empty()) return of_probe;
  if (!of_process.empty()) return of_process;
  return binary_path.substr(binary_path.rfind('/') + 1);  // npos + 1 is 0: the whole path
}

}  // namespace uprobed::control
