#ifndef UPROBED_SERVER_PROFILE_INJECTION_SITES_H_
#define UPROBED_SERVER_PROFILE_INJECTION_SITES_H_

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"
#include "server/elf/go_functions.h"
#include "server/profile/control_flow.h"
#include "server/profile/profile.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// Sites where requests are given the header traceparent. A binary is observed without them, too.

// What a connection of HTTP/1 writes a request with.
inline constexpr std::string_view kWriteRequestFunction = "net/http.(*Request).write";

// Empty where the function is not there, or not understood. An error of the file itself is one.
absl::StatusOr<std::vector<Site>> FindInjectionSites(const elf::ElfFile& file,
                                                     const elf::GoFunctions& functions,
                                                     CallAbi abi);

// Whether sites and fields let requests of HTTP/1 be given the header.
bool KnowsInjection(const Profile& profile);

// The choice itself, in kWriteRequestFunction: the call before which the request line and Host have
// been written, and behind which the headers are. nullopt where that is not certain.
std::optional<SitePlan> PlanClientHeaders(const ControlFlow& flow, CallAbi abi);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_INJECTION_SITES_H_
