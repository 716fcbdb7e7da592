#ifndef UPROBED_SERVER_CONTROL_KNOWN_TARGET_H_
#define UPROBED_SERVER_CONTROL_KNOWN_TARGET_H_

#include <optional>
#include <string>

#include "server/base/unique_fd.h"
#include "server/control/file_version.h"
#include "server/control/profile_catalog.h"
#include "server/profile/profile.h"
#include "server/store/probe_record.h"

namespace uprobed::control {

// An executable whose profile is at hand, so that its content need not be read: to copy it is most
// of what an attach does itself.
struct KnownTarget {
  UniqueFd fd;
  FileVersion version;
  std::string path;  // as the user knows it, also of a process's executable
  profile::Profile profile;
};

// nullopt where the target is not known, or cannot be opened: OpenTarget() tells why.
std::optional<KnownTarget> FindKnownTarget(ProfileCatalog& catalog, const std::string& proc_root,
                                           const store::ProbeSpec& spec);

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_KNOWN_TARGET_H_
