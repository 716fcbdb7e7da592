#include "server/control/profile_catalog.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "server/base/clock.h"
#include "server/base/errors.h"
#include "server/control/target.h"
#include "server/profile/resolver.h"

namespace uprobed::control {
namespace {

constexpr size_t kMaxIdentities = 4096;
// A file that was written to this lately may be written to again within the same tick of its
// timestamp, and look unchanged.
constexpr int64_t kSettledNs = 2'000'000'000;
constexpr size_t kPage = 1000;

bool IsSha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

absl::Status MismatchError(const std::string& path) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PROFILE_BINARY_MISMATCH",
                   path + " is not the binary that this profile describes: its content differs",
                   {{"path", path}});
}

}  // namespace

absl::StatusOr<ResolvedProfile> ProfileCatalog::Resolve(const elf::ElfFile& file, bool refresh) {
  ASSIGN_OR_RETURN(const profile::BinaryIdentity identity, Identify(file));
  if (!refresh) {
    if (auto stored = FindStored(file, identity); stored.has_value()) {
      return ResolvedProfile{.profile = *std::move(stored), .from_store = true};
    }
  }
  ASSIGN_OR_RETURN(profile::Profile fresh, profile::Resolve(file, identity));
  const absl::Status put = store_.PutProfile(fresh, file.name(), false, UnixNanosNow());
  if (!put.ok()) {
    spdlog::warn("cannot keep profile={} path={}, resolved anew next time: {}", identity.Id(),
                 file.name(), MessageOf(put));
  }
  return ResolvedProfile{.profile = std::move(fresh), .from_store = false};
}

std::optional<profile::Profile> ProfileCatalog::FindStored(
    const elf::ElfFile& file, const profile::BinaryIdentity& identity) {
  absl::StatusOr<profile::Profile> stored = store_.GetProfile(identity.Id());
  if (!stored.ok()) {
    if (stored.status().code() != absl::StatusCode::kNotFound) {
      spdlog::warn("cannot read profile={} from the store, resolving it anew: {}", identity.Id(),
                   MessageOf(stored.status()));
    }
    return std::nullopt;
  }
  if (stored->resolver_revision != profile::kResolverRevision || stored->identity != identity) {
    return std::nullopt;
  }
  // It may come from elsewhere, imported before its binary was here.
  if (const absl::Status verified = profile::Verify(*stored, file); !verified.ok()) {
    spdlog::warn("stored profile={} does not fit path={}, resolving it anew: {}", identity.Id(),
                 file.name(), MessageOf(verified));
    return std::nullopt;
  }
  return *std::move(stored);
}

absl::StatusOr<profile::BinaryIdentity> ProfileCatalog::Identify(const elf::ElfFile& file) {
  struct stat status {};
  if (fstat(file.fd(), &status) != 0) {
    return MakeErrnoError(errno, "BINARY_NOT_READABLE", "cannot look at " + file.name());
  }
  const FileVersion version = VersionOf(status);
  {
    const absl::MutexLock lock(&mutex_);
    if (const auto known = identities_.find(version); known != identities_.end()) {
      return known->second;
    }
  }
  ASSIGN_OR_RETURN(profile::BinaryIdentity identity, profile::ReadIdentity(file));
  if (UnixNanosNow() - version.modified_unix_ns > kSettledNs) {
    const absl::MutexLock lock(&mutex_);
    if (identities_.size() >= kMaxIdentities) identities_.clear();
    identities_[version] = identity;
  }
  return identity;
}

absl::StatusOr<ResolvedProfile> ProfileCatalog::ResolveTarget(const std::string& path, uint32_t pid,
                                                              bool refresh) {
  RETURN_IF_ERROR(CheckTargetGiven(path, pid));
  ASSIGN_OR_RETURN(const Target target, pid != 0 ? OpenProcess(proc_root_, pid) : OpenPath(path));
  return Resolve(target.file, refresh);
}

absl::Status ProfileCatalog::Verify(const std::string& id, const std::string& path) {
  ASSIGN_OR_RETURN(const profile::Profile stored, store_.GetProfile(id));
  std::string binary_path = path;
  if (binary_path.empty()) {
    ASSIGN_OR_RETURN(const store::ProfileSummary summary, FindSummary(id));
    binary_path = summary.binary_path;
  }
  if (binary_path.empty()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "TARGET_MISSING",
                     "the binary of this profile was never seen here: give its path",
                     {{"profile", id}});
  }
  ASSIGN_OR_RETURN(const Target target, OpenPath(binary_path));
  ASSIGN_OR_RETURN(const profile::BinaryIdentity identity, Identify(target.file));
  if (identity != stored.identity) return MismatchError(binary_path);
  return profile::Verify(stored, target.file);
}

absl::Status ProfileCatalog::Import(const profile::Profile& profile, const std::string& verify_path,
                                    bool force) {
  if (!IsSha256(profile.identity.sha256)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PROFILE_INVALID",
                     "the profile does not say which binary it is of: its sha256 must be 64 "
                     "lower-case hexadecimal digits");
  }
  RETURN_IF_ERROR(profile::CheckConsistency(profile));
  if (!verify_path.empty()) {
    ASSIGN_OR_RETURN(const Target target, OpenPath(verify_path));
    ASSIGN_OR_RETURN(const profile::BinaryIdentity identity, Identify(target.file));
    if (identity != profile.identity) return MismatchError(verify_path);
    RETURN_IF_ERROR(profile::Verify(profile, target.file));
  }
  const std::string id = profile.identity.Id();
  const absl::StatusOr<store::ProfileSummary> present = FindSummary(id);
  if (!present.ok() && present.status().code() != absl::StatusCode::kNotFound) {
    return present.status();
  }
  if (present.ok() && !present->imported && !force) {
    return MakeError(absl::StatusCode::kAlreadyExists, "PROFILE_EXISTS",
                     "this binary's profile was resolved here: import with force to replace it",
                     {{"profile", id}});
  }
  const std::string last_seen =
      verify_path.empty() && present.ok() ? present->binary_path : verify_path;
  return store_.PutProfile(profile, last_seen, true, UnixNanosNow());
}

absl::StatusOr<store::ProfileSummary> ProfileCatalog::FindSummary(const std::string& id) {
  std::string after_id;
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<store::ProfileSummary> page,
                     store_.ListProfiles(after_id, kPage));
    const auto found =
        std::find_if(page.begin(), page.end(),
                     [&id](const store::ProfileSummary& summary) { return summary.id == id; });
    if (found != page.end()) return *found;
    if (page.size() < kPage || page.back().id > id) break;
    after_id = page.back().id;
  }
  return MakeError(absl::StatusCode::kNotFound, "PROFILE_NOT_FOUND",
                   "there is no profile " + id + ": list the profiles to see their ids",
                   {{"profile", id}});
}

absl::StatusOr<profile::Profile> ProfileCatalog::Get(const std::string& id) {
  return store_.GetProfile(id);
}

absl::StatusOr<std::vector<store::ProfileSummary>> ProfileCatalog::List(const std::string& after_id,
                                                                        size_t limit) {
  return store_.ListProfiles(after_id, limit);
}

absl::Status ProfileCatalog::Delete(const std::string& id) { return store_.DeleteProfile(id); }

}  // namespace uprobed::control
