#include "server/rpc/profile_import.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <utility>

#include "server/base/errors.h"
#include "server/control/target.h"
#include "server/profile/resolver.h"
#include "server/rpc/convert_probe.h"
#include "server/rpc/convert_profile.h"
#include "server/rpc/resource_name.h"
#include "server/rpc/status.h"

namespace uprobed::rpc {

absl::StatusOr<store::ProfileSummary> FindSummary(control::ProfileCatalog& profiles,
                                                  const std::string& id) {
  // The greatest text below every id that ends like this one, and above every id before it.
  std::string before = id;
  before.back() = static_cast<char>(before.back() - 1);
  ASSIGN_OR_RETURN(std::vector<store::ProfileSummary> found, profiles.List(before, 1));
  if (!found.empty() && found.front().id == id) return std::move(found.front());
  return MakeError(absl::StatusCode::kNotFound, "PROFILE_NOT_FOUND",
                   fmt::format("there is no {}: resolve or import it first", ProfileName(id)),
                   {{"name", ProfileName(id)}});
}

absl::Status ProfileImport::CheckAbsent(const std::string& id) const {
  const absl::StatusOr<store::ProfileSummary> present = FindSummary(profiles_, id);
  if (!present.ok())
    return absl::IsNotFound(present.status()) ? absl::OkStatus() : present.status();
  if (present->imported) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kAlreadyExists, "PROFILE_EXISTS",
      fmt::format("{} was resolved here from its binary: force to replace it", ProfileName(id)),
      {{"name", ProfileName(id)}});
}

absl::Status ProfileImport::CheckBinary(const std::string& path) {
  RETURN_IF_ERROR(CheckPath(path, "verify_binary_path"));
  ASSIGN_OR_RETURN(const control::Target target, control::OpenPath(path));
  ASSIGN_OR_RETURN(const profile::BinaryIdentity identity, profile::ReadIdentity(target.file));
  const auto same = std::find_if(
      checked_.begin(), checked_.end(),
      [&identity](const profile::Profile& profile) { return profile.identity == identity; });
  if (same == checked_.end()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "PROFILE_BINARY_MISMATCH",
                     fmt::format("none of the profiles is that of {}, whose content differs", path),
                     {{"path", path}});
  }
  RETURN_IF_ERROR(profile::Verify(*same, target.file));
  verified_id_ = identity.Id();
  verified_path_ = path;
  return absl::OkStatus();
}

absl::Status ProfileImport::Check(const v1::ImportProfilesRequest& request) {
  if (request.profiles().empty()) {
    return FieldError("PROFILES_MISSING", "profiles", "there is no profile to import");
  }
  if (request.profiles_size() > kMaxImportedProfiles) {
    return FieldError("PROFILES_TOO_MANY", "profiles",
                      fmt::format("{} profiles are too many at once: at most {}",
                                  request.profiles_size(), kMaxImportedProfiles));
  }
  std::set<std::string> seen;
  for (int i = 0; i < request.profiles_size(); ++i) {
    const std::string field = fmt::format("profiles[{}]", i);
    ASSIGN_OR_RETURN(profile::Profile profile, FromProto(request.profiles(i), field));
    if (!seen.insert(profile.identity.Id()).second) {
      return FieldError("PROFILE_REPEATED", field,
                        fmt::format("{} is {} again", field, request.profiles(i).name()));
    }
    RETURN_IF_ERROR(Annotate(profile::CheckConsistency(profile), field));
    if (!request.force()) RETURN_IF_ERROR(CheckAbsent(profile.identity.Id()));
    checked_.push_back(std::move(profile));
  }
  if (request.verify_binary_path().empty()) return absl::OkStatus();
  return CheckBinary(request.verify_binary_path());
}

absl::StatusOr<std::optional<ProfileImport::Replaced>> ProfileImport::Find(
    const std::string& id) const {
  absl::StatusOr<store::ProfileSummary> summary = FindSummary(profiles_, id);
  if (absl::IsNotFound(summary.status())) return std::optional<Replaced>();
  RETURN_IF_ERROR(summary.status());
  ASSIGN_OR_RETURN(profile::Profile profile, profiles_.Get(id));
  return Replaced{std::move(profile), *std::move(summary)};
}

void ProfileImport::PutBack(const std::string& id, const std::optional<Replaced>& replaced) {
  const absl::Status status =
      replaced
          ? store_.PutProfile(replaced->profile, replaced->summary.binary_path,
                              replaced->summary.imported, replaced->summary.create_time_unix_ns)
          : profiles_.Delete(id);
  if (!status.ok()) {
    spdlog::error("profile of a failed import stays profile={}: {}", id,
                  std::string(status.message()));
  }
}

absl::Status ProfileImport::Store() {
  std::vector<std::pair<std::string, std::optional<Replaced>>> stored;
  for (const profile::Profile& profile : checked_) {
    const std::string id = profile.identity.Id();
    absl::StatusOr<std::optional<Replaced>> replaced = Find(id);
    // Check has asked for existing profiles and for the caller's consent to replace them.
    const absl::Status status =
        replaced.ok()
            ? profiles_.Import(profile, id == verified_id_ ? verified_path_ : "", /*force=*/true)
            : replaced.status();
    if (!status.ok()) {
      for (const auto& [stored_id, before] : stored) PutBack(stored_id, before);
      return Annotate(status, "nothing was imported");
    }
    stored.emplace_back(id, *std::move(replaced));
  }
  return absl::OkStatus();
}

std::vector<std::string> ProfileImport::names() const {
  std::vector<std::string> names;
  for (const profile::Profile& profile : checked_) {
    names.push_back(ProfileName(profile.identity.Id()));
  }
  return names;
}

}  // namespace uprobed::rpc
