#ifndef UPROBED_SERVER_PROFILE_RUNTIME_SITES_H_
#define UPROBED_SERVER_PROFILE_RUNTIME_SITES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"
#include "server/elf/go_functions.h"
#include "server/profile/control_flow.h"
#include "server/profile/profile.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// Sites in the runtime, which show how work comes from one goroutine to another.

bool IsRuntimeSite(SiteKind kind);
// Whether a site of such a kind lies in a function of this name.
bool RuntimeSiteLiesIn(SiteKind kind, std::string_view function);

// Whether it is where runtime.closechan has locked the channel: the one site of its kind that is a
// jump, and whose argument is wherever the function has it.
bool IsCloseOfChannel(const Site& site);

// FAILED_PRECONDITION SYMBOL_NOT_FOUND or SITE_NOT_FOUND as FindServerSites. A program that has no
// time.AfterFunc has no sites there.
absl::StatusOr<std::vector<Site>> FindGoroutineSites(const elf::ElfFile& file,
                                                     const elf::GoFunctions& functions,
                                                     CallAbi abi);
absl::StatusOr<std::vector<Site>> FindChannelSites(const elf::ElfFile& file,
                                                   const elf::GoFunctions& functions, CallAbi abi);

// What is wrong with these sites: some of them alone would find wrong parents. nullopt where there
// is nothing wrong.
std::optional<std::string> RuntimeFlaw(const Profile& profile);

// The choice itself, apart from any file, in each function that holds such sites.
absl::StatusOr<std::vector<SitePlan>> PlanRuntimeSites(const ControlFlow& flow, CallAbi abi);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_RUNTIME_SITES_H_
