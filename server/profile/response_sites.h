#ifndef UPROBED_SERVER_PROFILE_RESPONSE_SITES_H_
#define UPROBED_SERVER_PROFILE_RESPONSE_SITES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"
#include "server/elf/go_functions.h"
#include "server/profile/control_flow.h"
#include "server/profile/http2_names.h"
#include "server/profile/profile.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// Sites that tell more of a response than that it was there: when a server began to write it, and
// when a client had consumed its body. A binary is observed without them, too.

bool IsResponseSite(SiteKind kind);
// Whether a site of such a kind lies in a function of this name.
bool ResponseSiteLiesIn(SiteKind kind, std::string_view function);

// Empty where the functions are not there, or not understood. An error of the file itself is one.
absl::StatusOr<std::vector<Site>> FindFirstByteSites(const elf::ElfFile& file,
                                                     const elf::GoFunctions& functions,
                                                     CallAbi abi);
absl::StatusOr<std::vector<Site>> FindClientBodySites(const elf::ElfFile& file,
                                                      const elf::GoFunctions& functions,
                                                      CallAbi abi);

// Whether sites and fields tell when responses of HTTP/1 begin, and when bodies end.
bool KnowsFirstByte(const Profile& profile);
bool KnowsClientBodies(const Profile& profile);

// What is wrong with these sites: bodies some of whose ends are not seen. nullopt where there is
// nothing wrong.
std::optional<std::string> ResponseFlaw(const Profile& profile);

// The choice itself, in the function that a bodyEOFSignal calls where reading ends: empty where
// `flow` is not that function, or is not understood.
std::vector<SitePlan> PlanBodyRead(const ControlFlow& flow, CallAbi abi);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_RESPONSE_SITES_H_
