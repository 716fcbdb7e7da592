#ifndef UPROBED_SERVER_RPC_PROFILE_IMPORT_H_
#define UPROBED_SERVER_RPC_PROFILE_IMPORT_H_

#include <vector>

#include "absl/status/statusor.h"
#include "server/control/profile_catalog.h"
#include "uprobed/v1/profile.pb.h"

namespace uprobed::rpc {

inline constexpr int kMaxImportedProfiles = 1024;

// The profiles of a request, and which of them is that of the binary that it names.
// INVALID_ARGUMENT PROFILES_MISSING, PROFILES_TOO_MANY, PROFILE_REPEATED and those of FromProto;
// FAILED_PRECONDITION PROFILE_BINARY_MISMATCH where none of the profiles is that of the binary.
absl::StatusOr<std::vector<control::ProfileToImport>> ReadImport(
    const v1::ImportProfilesRequest& request);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_PROFILE_IMPORT_H_
