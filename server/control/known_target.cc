#include "server/control/known_target.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "server/control/proc_file.h"

namespace uprobed::control {
namespace {

// Of a process's executable only while the path leads to it: else what the user is to be told of
// the path is more than a look.
std::optional<std::string> PathOf(const std::string& proc_root, const store::ProbeSpec& spec,
                                  const FileVersion& version) {
  if (spec.pid == 0) return spec.binary_path;
  std::optional<std::string> path = ReadLink(ProcPath(proc_root, spec.pid, "exe"));
  struct stat status {};
  const bool leads_there =
      path.has_value() && stat(path->c_str(), &status) == 0 && VersionOf(status) == version;
  return leads_there ? path : std::nullopt;
}

}  // namespace

std::optional<KnownTarget> FindKnownTarget(ProfileCatalog& catalog, const std::string& proc_root,
                                           const store::ProbeSpec& spec) {
  const std::string file = spec.pid != 0 ? ProcPath(proc_root, spec.pid, "exe") : spec.binary_path;
  UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!fd.valid() || fstat(fd.get(), &status) != 0) return std::nullopt;
  const FileVersion version = VersionOf(status);
  std::optional<std::string> path = PathOf(proc_root, spec, version);
  if (!path.has_value()) return std::nullopt;
  std::optional<profile::Profile> profile = catalog.FindKnown(version);
  if (!profile.has_value()) return std::nullopt;
  return KnownTarget{.fd = std::move(fd),
                     .version = version,
                     .path = *std::move(path),
                     .profile = *std::move(profile)};
}

}  // namespace uprobed::control
