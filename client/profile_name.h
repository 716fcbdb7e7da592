#ifndef UPROBED_CLIENT_PROFILE_NAME_H_
#define UPROBED_CLIENT_PROFILE_NAME_H_

#include <string>

#include "client/session.h"
#include "grpcpp/support/status.h"
#include "uprobed/v1/profile.pb.h"

namespace uprobed::client {

// All profiles, page by page.
grpc::Status ListAllProfiles(Session& session, v1::ListProfilesResponse* all);

// Whether a user who types `text` means a program's file and not a profile.
bool IsProfilePath(const std::string& text);

// Completes "0123" and "profiles/0123" to the one profile whose name begins so: asks the daemon
// unless `given` is complete. NOT_FOUND PROFILE_NOT_FOUND, INVALID_ARGUMENT PROFILE_NAME_AMBIGUOUS.
grpc::Status ProfileName(Session& session, const std::string& given, std::string* name);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_PROFILE_NAME_H_
