#ifndef UPROBED_SERVER_PROFILE_ERROR_WORDS_H_
#define UPROBED_SERVER_PROFILE_ERROR_WORDS_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "server/profile/control_flow.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// Names of the two words of an error among the arguments of a site.
inline constexpr std::string_view kErrorType = "error";
inline constexpr std::string_view kErrorData = "error_data";

// Where the error is at `site` with which (*Transport).roundTrip gets no connection: it cannot
// connect, shake hands, or the request is cancelled meanwhile. Its two words, in this order; empty
// where the site is not on the one way from there, or the words are not followed to it.
std::vector<ArgumentLocation> ErrorOfConnection(const ControlFlow& flow, size_t site, CallAbi abi);

// Whether the kernel side can read these as the words of an error: none, or both in places that a
// site's cookie can tell (bpf/abi/site_cookie.h, UP_WORD_*).
bool AreErrorWords(elf::Architecture architecture, const std::vector<ArgumentLocation>& arguments);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_ERROR_WORDS_H_
