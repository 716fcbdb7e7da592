#include "server/rpc/resource_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/rpc/status.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

constexpr std::string_view kProbes = "probes/";
constexpr std::string_view kProfiles = "profiles/";
constexpr size_t kMaxProbeIdLength = 63;
constexpr size_t kProfileIdLength = 32;
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

absl::StatusOr<std::string> Parse(std::string_view name, std::string_view field,
                                  std::string_view prefix, bool (*is_id)(std::string_view),
                                  std::string_view form) {
  if (name.starts_with(prefix) && is_id(name.substr(prefix.size()))) {
    return std::string(name.substr(prefix.size()));
  }
  return FieldError(
      "NAME_MALFORMED", field,
      fmt::format("\"{}\" is not a name of the form {}", ToUtf8(name, kMaxQuotedBytes), form));
}

}  // namespace

std::string ProbeName(std::string_view id) { return fmt::format("{}{}", kProbes, id); }
std::string ProfileName(std::string_view id) { return fmt::format("{}{}", kProfiles, id); }

bool IsProbeId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxProbeIdLength && IsLower(id.front()) &&
         std::all_of(id.begin(), id.end(),
                     [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; });
}

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); });
}

bool IsProfileId(std::string_view id) { return id.size() == kProfileIdLength && IsLowerHex(id); }

absl::StatusOr<std::string> ParseProbeName(std::string_view name, std::string_view field) {
  return Parse(name, field, kProbes, IsProbeId,
               "probes/{probe}, where {probe} matches [a-z][a-z0-9-]{0,62}");
}

absl::StatusOr<std::string> ParseProfileName(std::string_view name, std::string_view field) {
  return Parse(name, field, kProfiles, IsProfileId,
               "profiles/{profile}, where {profile} has 32 hexadecimal digits");
}

}  // namespace uprobed::rpc
