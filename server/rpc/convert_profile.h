#ifndef UPROBED_SERVER_RPC_CONVERT_PROFILE_H_
#define UPROBED_SERVER_RPC_CONVERT_PROFILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "server/profile/profile.h"
#include "server/store/store.h"
#include "uprobed/v1/profile.pb.h"

namespace uprobed::rpc {

v1::Profile ToProto(const profile::Profile& profile);
// The fields of a profile that the summary knows: name, identity, Go version, where it was last
// seen.
void FillSummary(const store::ProfileSummary& from, v1::Profile& to);

// Bounds of a profile from elsewhere. What resolving makes stays an order of magnitude below.
inline constexpr int kMaxImportedSites = 256;
inline constexpr int kMaxImportedArguments = 16;
inline constexpr int kMaxImportedFields = 256;
inline constexpr int kMaxImportedEvidence = 8;
inline constexpr int kMaxImportedAbsences = 16;
inline constexpr int kMaxImportedModules = 4096;
inline constexpr size_t kMaxImportedStringBytes = size_t{64} << 10;

// A profile from elsewhere, which may come from an attacker: every enum, length and number is
// checked; whether the whole makes sense is profile::CheckConsistency's question.
// INVALID_ARGUMENT PROFILE_MALFORMED, or NAME_MALFORMED where the name is not that of the hash.
// `field` is where the profile stood in the request: "profiles[0]".
absl::StatusOr<profile::Profile> FromProto(const v1::Profile& profile, const std::string& field);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_CONVERT_PROFILE_H_
