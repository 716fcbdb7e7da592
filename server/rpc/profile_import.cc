#include "server/rpc/profile_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "server/base/errors.h"
#include "server/control/target.h"
#include "server/profile/resolver.h"
#include "server/rpc/convert_probe.h"
#include "server/rpc/convert_profile.h"
#include "server/rpc/status.h"

namespace uprobed::rpc {
namespace {

// Tells the one profile that is of the binary at `path` where that is.
absl::Status NameBinary(const std::string& path, std::vector<control::ProfileToImport>& imports) {
  RETURN_IF_ERROR(CheckPath(path, "verify_binary_path"));
  ASSIGN_OR_RETURN(const control::Target target, control::OpenPath(path));
  ASSIGN_OR_RETURN(const profile::BinaryIdentity identity, profile::ReadIdentity(target.file));
  const auto same = std::find_if(imports.begin(), imports.end(),
                                 [&identity](const control::ProfileToImport& import) {
                                   return import.profile.identity == identity;
                                 });
  if (same == imports.end()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "PROFILE_BINARY_MISMATCH",
                     fmt::format("none of the profiles is that of {}, whose content differs", path),
                     {{"path", path}});
  }
  same->binary_path = path;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<control::ProfileToImport>> ReadImport(
    const v1::ImportProfilesRequest& request) {
  if (request.profiles().empty()) {
    return FieldError("PROFILES_MISSING", "profiles", "there is no profile to import");
  }
  if (request.profiles_size() > kMaxImportedProfiles) {
    return FieldError("PROFILES_TOO_MANY", "profiles",
                      fmt::format("{} profiles are too many at once: at most {}",
                                  request.profiles_size(), kMaxImportedProfiles));
  }
  std::vector<control::ProfileToImport> imports;
  std::set<std::string> seen;
  for (int i = 0; i < request.profiles_size(); ++i) {
    const std::string field = fmt::format("profiles[{}]", i);
    ASSIGN_OR_RETURN(profile::Profile profile, FromProto(request.profiles(i), field));
    if (!seen.insert(profile.identity.Id()).second) {
      return FieldError("PROFILE_REPEATED", field,
                        fmt::format("{} is {} again", field, request.profiles(i).name()));
    }
    imports.push_back({std::move(profile), ""});
  }
  if (!request.verify_binary_path().empty()) {
    RETURN_IF_ERROR(NameBinary(request.verify_binary_path(), imports));
  }
  return imports;
}

}  // namespace uprobed::rpc
