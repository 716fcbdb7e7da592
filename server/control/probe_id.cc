#include "server/control/probe_id.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "server/base/errors.h"

namespace uprobed::control {
namespace {

constexpr size_t kMaxIdLength = 63;  // a DNS label, so that an id can be part of other names

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsIdCharacter(char c) { return IsLower(c) || (c >= '0' && c <= '9') || c == '-'; }

std::string Sanitize(std::string_view name) {
  std::string id;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!IsIdCharacter(c)) c = '-';
    if (id.empty() && !IsLower(c)) continue;
    if (c == '-' && id.back() == '-') continue;
    id += c;
  }
  id.resize(std::min(id.size(), kMaxIdLength));
  while (!id.empty() && id.back() == '-') id.pop_back();
  return id.empty() ? "probe" : id;
}

}  // namespace

absl::Status ValidateProbeId(const std::string& id) {
  if (!id.empty() && id.size() <= kMaxIdLength && IsLower(id.front()) &&
      std::all_of(id.begin(), id.end(), IsIdCharacter)) {
    return absl::OkStatus();
  }
  return MakeError(
      absl::StatusCode::kInvalidArgument, "PROBE_ID_INVALID",
      "a probe id begins with a lower-case letter, has only lower-case letters, digits "
      "and hyphens, and at most 63 of them",
      {{"probe_id", id.substr(0, 2 * kMaxIdLength)}});
}

std::string DeriveProbeId(std::string_view binary_path,
                          const std::function<bool(const std::string&)>& is_taken) {
  const size_t slash = binary_path.rfind('/');
  const std::string base =
      Sanitize(slash == std::string_view::npos ? binary_path : binary_path.substr(slash + 1));
  std::string id = base;
  for (uint64_t number = 2; is_taken(id); ++number) {
    const std::string suffix = fmt::format("-{}", number);
    id = base.substr(0, kMaxIdLength - suffix.size()) + suffix;
  }
  return id;
}

absl::Status ProbeNotFoundError(const std::string& id) {
  return MakeError(absl::StatusCode::kNotFound, "PROBE_NOT_FOUND",
                   "there is no probe \"" + id + "\": list the probes to see their names",
                   {{"probe", id}});
}

std::string NewProbeUid() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

}  // namespace uprobed::control
