#ifndef UPROBED_SERVER_PROFILE_HANDLER_SITES_H_
#define UPROBED_SERVER_PROFILE_HANDLER_SITES_H_

#include <cstdint>
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

// Sites that tell which handler a ServeMux has found for a request, and the functions by whose
// addresses handlers are told apart. A binary is observed without them, too.

bool IsHandlerSite(SiteKind kind);
// Whether a site of such a kind lies in a function of this name.
bool HandlerSiteLiesIn(SiteKind kind, std::string_view function);

// Where the handler is at a kServerHandler in `function`: the first words of a call's results, or
// a place of that function's own on the stack.
std::vector<ArgumentLocation> HandlerArguments(std::string_view function, CallAbi abi);

// Empty where net/http is not understood. An error of the file itself is one.
absl::StatusOr<std::vector<Site>> FindHandlerSites(const elf::ElfFile& file,
                                                   const elf::GoFunctions& functions, CallAbi abi);

// Whether the sites tell the handler of each request that a ServeMux serves.
bool KnowsHandlers(const Profile& profile);

// What is wrong with these sites; nullopt where there is nothing wrong.
std::optional<std::string> HandlerFlaw(const Profile& profile);

// UP_PLACE_* of the function that a site lies in which tells handlers; nullopt for any other site.
std::optional<uint8_t> PlaceOf(const Site& site);

// The choice itself, in (*ServeMux).ServeHTTP of Go >= 1.22, and in (*ServeMux).handler of those
// before: empty where `flow` is not that function, or is not understood.
std::vector<SitePlan> PlanFoundHandler(const ControlFlow& flow, CallAbi abi);
std::vector<SitePlan> PlanLookedUpHandler(const ControlFlow& flow, CallAbi abi);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_HANDLER_SITES_H_
