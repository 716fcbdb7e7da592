#ifndef UPROBED_SERVER_PROBE_SITE_COOKIE_H_
#define UPROBED_SERVER_PROBE_SITE_COOKIE_H_

#include <cstdint>

#include "server/profile/profile.h"

namespace uprobed::probe {

// What the BPF programs must know of a site (bpf/abi/site_cookie.h) that is attached for `slot`.
uint64_t MakeSiteCookie(const profile::Site& site, uint32_t slot);

// Which client a site is of, as UP_CLIENT_* of bpf/abi/profile_slot.h.
uint64_t ClientOf(const profile::Site& site);

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_SITE_COOKIE_H_
