#ifndef UPROBED_SERVER_PROFILE_GO_VERSION_H_
#define UPROBED_SERVER_PROFILE_GO_VERSION_H_

#include <optional>
#include <string>
#include <string_view>

namespace uprobed::profile {

// The version of the Go toolchain that built a binary, as runtime.Version() prints it.
struct GoVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;  // 0 for "go1.20"
  // True only for a published release: not a beta, a release candidate, a development tree, nor the
  // toolchain of a vendor who may have patched the standard library ("go1.21.9 (Red Hat ...)").
  bool released = false;
  std::string experiments;  // "nocoverageredesign,noswissmap" of "go1.24.1 X:..."; else empty
  bool operator==(const GoVersion&) const = default;
};

// nullopt for what names no Go version ("unknown", "devel +abcdef").
std::optional<GoVersion> ParseGoVersion(std::string_view text);

// Whether the comma-separated list `experiments` holds `name`.
bool HasExperiment(std::string_view experiments, std::string_view name);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_GO_VERSION_H_
