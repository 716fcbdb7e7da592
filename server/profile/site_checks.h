#ifndef UPROBED_SERVER_PROFILE_SITE_CHECKS_H_
#define UPROBED_SERVER_PROFILE_SITE_CHECKS_H_

#include <string_view>

#include "absl/status/status.h"
#include "server/elf/architecture.h"
#include "server/profile/profile.h"

namespace uprobed::profile {

// INVALID_ARGUMENT PROFILE_INVALID, of a profile and of one of its sites.
absl::Status InvalidProfile(std::string_view what);
absl::Status InvalidSite(const Site& site, std::string_view what);

// Whether the kernel side can attach these sites: each is what it takes for granted of its kind,
// and each instrumentation has what belongs together.
absl::Status CheckSites(elf::Architecture architecture, const Profile& profile);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_SITE_CHECKS_H_
