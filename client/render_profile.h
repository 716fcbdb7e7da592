#ifndef UPROBED_CLIENT_RENDER_PROFILE_H_
#define UPROBED_CLIENT_RENDER_PROFILE_H_

#include <chrono>
#include <string>
#include <vector>

#include "client/terminal.h"
#include "uprobed/v1/profile.pb.h"

namespace uprobed::client {

// "profiles/0123..." to "0123...".
std::string ProfileId(std::string_view name);

// The table of `uprobectl profile list`.
void PrintProfiles(Terminal& terminal, const std::vector<v1::Profile>& profiles,
                   std::chrono::system_clock::time_point now);
// The binary, then every site with its cost, every field with its sources, those about which they
// disagree, and what is absent.
void PrintProfile(Terminal& terminal, const v1::Profile& profile);
// One line: the name, where it came from and what can be observed.
void PrintResolved(Terminal& terminal, const v1::ResolveProfileResponse& response);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_RENDER_PROFILE_H_
