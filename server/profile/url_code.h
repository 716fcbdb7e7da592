#ifndef UPROBED_SERVER_PROFILE_URL_CODE_H_
#define UPROBED_SERVER_PROFILE_URL_CODE_H_

#include "server/profile/code_patterns.h"
#include "server/profile/symbolic.h"

namespace uprobed::profile {

// What methods of net/url.URL tell of its fields; part of machine_code.h.

void ReadUrlRequestUri(const Behaviour& b, Findings* found);
void ReadUrlEscapedPath(const Behaviour& b, Findings* found);
void ReadUrlString(const Behaviour& b, Findings* found);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_URL_CODE_H_
