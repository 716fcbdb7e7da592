#ifndef UPROBED_SERVER_RPC_PROFILE_IMPORT_H_
#define UPROBED_SERVER_RPC_PROFILE_IMPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/control/profile_catalog.h"
#include "server/store/store.h"
#include "uprobed/v1/profile.pb.h"

namespace uprobed::rpc {

inline constexpr int kMaxImportedProfiles = 1024;

// The summary of one profile. NOT_FOUND PROFILE_NOT_FOUND.
absl::StatusOr<store::ProfileSummary> FindSummary(control::ProfileCatalog& profiles,
                                                  const std::string& id);

// Imports all profiles of a request or none: every check is done before the first one is stored,
// and where the store fails in the middle, what was there before is put back. Thread: the call's.
class ProfileImport {
 public:
  ProfileImport(control::ProfileCatalog& profiles, store::Store& store)
      : profiles_(profiles), store_(store) {}

  // Converts and checks all of `request` and compares with the binary that it names.
  // INVALID_ARGUMENT PROFILES_MISSING, PROFILES_TOO_MANY, PROFILE_REPEATED and those of FromProto,
  // profile::CheckConsistency and profile::Verify; ALREADY_EXISTS PROFILE_EXISTS;
  // FAILED_PRECONDITION PROFILE_BINARY_MISMATCH where none of the profiles is that of the binary.
  absl::Status Check(const v1::ImportProfilesRequest& request);
  // Stores what was checked.
  absl::Status Store();
  // Names of the profiles that were checked.
  std::vector<std::string> names() const;

 private:
  // What a profile replaces.
  struct Replaced {
    profile::Profile profile;
    store::ProfileSummary summary;
  };

  absl::Status CheckAbsent(const std::string& id) const;
  absl::Status CheckBinary(const std::string& path);
  absl::StatusOr<std::optional<Replaced>> Find(const std::string& id) const;
  void PutBack(const std::string& id, const std::optional<Replaced>& replaced);

  control::ProfileCatalog& profiles_;
  store::Store& store_;
  std::vector<profile::Profile> checked_;
  std::string verified_id_;  // of the profile whose binary is at verified_path_
  std::string verified_path_;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_PROFILE_IMPORT_H_
