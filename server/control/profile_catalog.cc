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
constexpr size_t kMaxVerified = 128;
// A file that was written to this lately may be written to again within the same tick of its
// timestamp, and look unchanged.
constexpr int64_t kSettledNs = 2'000'000'000;

bool IsSha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

absl::Status MismatchError(const std::string& path) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PROFILE_BINARY_MISMATCH",
                   path + " is not the binary that this profile describes: its content differs",
                   {{"path", path}});
}

// What is resolved of a binary; requests go on to show how right it is.
profile::Profile WithoutVerdicts(profile::Profile profile) {
  profile.verdicts.clear();
  return profile;
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
  } else {
    NoteVerified(fresh);
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
  if (IsVerified(*stored)) return *std::move(stored);
  // It may come from elsewhere, imported before its binary was here.
  if (const absl::Status verified = profile::Verify(*stored, file); !verified.ok()) {
    spdlog::warn("stored profile={} does not fit path={}, resolving it anew: {}", identity.Id(),
                 file.name(), MessageOf(verified));
    return std::nullopt;
  }
  NoteVerified(*stored);
  return *std::move(stored);
}

bool ProfileCatalog::IsVerified(const profile::Profile& profile) {
  const profile::Profile resolved = WithoutVerdicts(profile);
  const absl::MutexLock lock(&mutex_);
  const auto known = verified_.find(profile.identity.Id());
  return known != verified_.end() && known->second == resolved;
}

void ProfileCatalog::NoteVerified(const profile::Profile& profile) {
  const absl::MutexLock lock(&mutex_);
  if (verified_.size() >= kMaxVerified) verified_.clear();
  verified_.insert_or_assign(profile.identity.Id(), WithoutVerdicts(profile));
}

std::optional<profile::BinaryIdentity> ProfileCatalog::FindIdentity(const FileVersion& version) {
  const absl::MutexLock lock(&mutex_);
  const auto known = identities_.find(version);
  return known == identities_.end() ? std::nullopt : std::optional(known->second);
}

std::optional<profile::Profile> ProfileCatalog::FindKnown(const FileVersion& version) {
  const absl::MutexLock lock(&mutex_);
  const auto identity = identities_.find(version);
  if (identity == identities_.end()) return std::nullopt;
  const auto known = verified_.find(identity->second.Id());
  return known == verified_.end() ? std::nullopt : std::optional(known->second);
}

void ProfileCatalog::ForgetVerified(const std::string& id) {
  const absl::MutexLock lock(&mutex_);
  verified_.erase(id);
}

absl::StatusOr<profile::BinaryIdentity> ProfileCatalog::Identify(const elf::ElfFile& file) {
  struct stat status {};
  if (fstat(file.fd(), &status) != 0) {
    return MakeErrnoError(errno, "BINARY_NOT_READABLE", "cannot look at " + file.name());
  }
  const FileVersion version = VersionOf(status);
  if (const auto known = FindIdentity(version); known.has_value()) return *known;
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

absl::StatusOr<store::ProfileRecord> ProfileCatalog::CheckImport(const ProfileToImport& import,
                                                                 bool force) {
  const auto& [profile, binary_path] = import;
  if (!IsSha256(profile.identity.sha256)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PROFILE_INVALID",
                     "the profile does not say which binary it is of: its sha256 must be 64 "
                     "lower-case hexadecimal digits");
  }
  RETURN_IF_ERROR(profile::CheckConsistency(profile));
  if (!binary_path.empty()) {
    ASSIGN_OR_RETURN(const Target target, OpenPath(binary_path));
    ASSIGN_OR_RETURN(const profile::BinaryIdentity identity, Identify(target.file));
    if (identity != profile.identity) return MismatchError(binary_path);
    RETURN_IF_ERROR(profile::Verify(profile, target.file));
  }
  const absl::StatusOr<store::ProfileSummary> present = FindSummary(profile.identity.Id());
  if (absl::IsNotFound(present.status())) return store::ProfileRecord{profile, binary_path, true};
  RETURN_IF_ERROR(present.status());
  if (!present->imported && !force) {
    return MakeError(absl::StatusCode::kAlreadyExists, "PROFILE_EXISTS",
                     fmt::format("profiles/{} was resolved here from its binary: import with force "
                                 "to replace it",
                                 present->id),
                     {{"profile", present->id}});
  }
  return store::ProfileRecord{profile, binary_path.empty() ? present->binary_path : binary_path,
                              true};
}

absl::Status ProfileCatalog::Import(const std::vector<ProfileToImport>& profiles, bool force,
                                    bool validate_only) {
  std::vector<store::ProfileRecord> records;
  for (size_t i = 0; i < profiles.size(); ++i) {
    absl::StatusOr<store::ProfileRecord> record = CheckImport(profiles[i], force);
    if (!record.ok()) return Annotate(record.status(), fmt::format("profiles[{}]", i));
    records.push_back(*std::move(record));
  }
  if (validate_only) return absl::OkStatus();
  RETURN_IF_ERROR(store_.PutProfiles(records, UnixNanosNow()));
  for (const store::ProfileRecord& record : records) ForgetVerified(record.profile.identity.Id());
  return absl::OkStatus();
}

absl::StatusOr<store::ProfileSummary> ProfileCatalog::FindSummary(const std::string& id) {
  // The greatest text below every id that begins like this one, and above every id before it.
  std::string before = id;
  if (!before.empty()) before.back() = static_cast<char>(before.back() - 1);
  ASSIGN_OR_RETURN(const std::vector<store::ProfileSummary> found, store_.ListProfiles(before, 1));
  if (!found.empty() && found.front().id == id) return found.front();
  return MakeError(absl::StatusCode::kNotFound, "PROFILE_NOT_FOUND",
                   fmt::format("there is no profiles/{}; resolve the binary, or list the profiles "
                               "for those there are",
                               id),
                   {{"profile", "profiles/" + id}});
}

absl::Status ProfileCatalog::PutVerdicts(const std::string& id,
                                         const std::map<std::string, FieldVerdict>& verdicts) {
  return store_.PutVerdicts(id, verdicts);
}

absl::StatusOr<profile::Profile> ProfileCatalog::Get(const std::string& id) {
  return store_.GetProfile(id);
}

absl::StatusOr<std::vector<store::ProfileSummary>> ProfileCatalog::List(const std::string& after_id,
                                                                        size_t limit) {
  return store_.ListProfiles(after_id, limit);
}

absl::Status ProfileCatalog::Delete(const std::string& id) {
  RETURN_IF_ERROR(store_.DeleteProfile(id));
  ForgetVerified(id);
  return absl::OkStatus();
}

}  // namespace uprobed::control
