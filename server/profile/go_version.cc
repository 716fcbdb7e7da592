#include "server/profile/go_version.h"

#include <algorithm>
#include <charconv>

namespace uprobed::profile {
namespace {

bool Consume(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// A decimal number without sign or leading zero, as Go writes them; at most 4 digits.
std::optional<int> ConsumeNumber(std::string_view* text) {
  const size_t end = text->find_first_not_of("0123456789");
  const std::string_view digits = text->substr(0, end);
  if (digits.empty() || digits.size() > 4) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  int value = 0;
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || rest != digits.data() + digits.size()) return std::nullopt;
  text->remove_prefix(digits.size());
  return value;
}

// Finds the experiments in what follows the number of a version. The words of a vendor come before
// them. Returns what is not experiments.
std::string_view TakeExperiments(std::string_view suffix, std::string* experiments) {
  // cmd/link/internal/ld/main.go: " X:" until Go 1.25. Since 1.26 "-X:" where the version has no
  // '-' before it, that is, where nothing is before it.
  const size_t start = suffix.starts_with("-X:") ? 0 : suffix.find(" X:");
  if (start == std::string_view::npos) return suffix;
  std::string_view list = suffix.substr(start + 3);
  const std::string_view after = list.substr(std::min(list.find(' '), list.size()));
  list.remove_suffix(after.size());
  *experiments = list;
  return start == 0 ? after : suffix;
}

}  // namespace

std::optional<GoVersion> ParseGoVersion(std::string_view text) {
  GoVersion version;
  const bool development = Consume(&text, "devel ");
  if (!Consume(&text, "go")) return std::nullopt;
  const std::optional<int> major = ConsumeNumber(&text);
  if (!major || !Consume(&text, ".")) return std::nullopt;
  const std::optional<int> minor = ConsumeNumber(&text);
  if (!minor) return std::nullopt;
  version.major = *major;
  version.minor = *minor;
  bool published = !development;
  if (Consume(&text, ".")) {
    const std::optional<int> patch = ConsumeNumber(&text);
    if (!patch) return std::nullopt;
    version.patch = *patch;
  }
  // "go1.18.3b7" was the toolchain with BoringCrypto.
  if (Consume(&text, "rc") || Consume(&text, "beta") || Consume(&text, "b")) {
    if (!ConsumeNumber(&text)) return std::nullopt;
    published = false;
  }
  if (!text.empty() && text.front() != ' ' && text.front() != '-' && text.front() != '+') {
    return std::nullopt;
  }
  const std::string_view vendor = TakeExperiments(text, &version.experiments);
  version.released = published && vendor.empty();
  return version;
}

bool HasExperiment(std::string_view experiments, std::string_view name) {
  while (!experiments.empty()) {
    const size_t end = experiments.find(',');
    if (experiments.substr(0, end) == name) return true;
    if (end == std::string_view::npos) return false;
    experiments.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace uprobed::profile
