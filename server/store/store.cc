#include "server/store/store.h"

#include <SQLiteCpp/Database.h>

#include <fmt/format.h>

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "migrations/migrations.h"
#include "server/base/errors.h"
#include "server/store/audit_rows.h"
#include "server/store/database.h"
#include "server/store/database_opener.h"
#include "server/store/migrator.h"
#include "server/store/probe_rows.h"
#include "server/store/profile_rows.h"

namespace uprobed::store {
namespace {

absl::Status ProfileNotFound(const std::string& id) {
  return MakeError(absl::StatusCode::kNotFound, "PROFILE_NOT_FOUND",
                   fmt::format("there is no profiles/{}; resolve the binary, or list the profiles "
                               "for those there are",
                               id),
                   {{"profile", "profiles/" + id}});
}

absl::Status CheckIdentity(const profile::Profile& profile) {
  if (!profile.identity.sha256.empty()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInvalidArgument, "PROFILE_INVALID",
                   "the profile has no content hash to be stored under; export it anew");
}

const absl::Status& StatusOf(const absl::Status& status) { return status; }

template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace

struct Store::Impl {
  Impl(OpenedDatabase opened, int schema_version)
      : quarantined(std::move(opened.quarantined)), database(std::move(opened.database)) {
    counts.schema_version = schema_version;
  }

  // Runs `call` with the connection to itself, and counts it.
  template <typename Call>
  auto Read(Call call) {
    const absl::MutexLock lock(&mutex);
    ++counts.reads;
    auto result = call();
    CountError(StatusOf(result));
    return result;
  }
  template <typename Call>
  auto Write(Call call) {
    const absl::MutexLock lock(&mutex);
    ++counts.writes;
    auto result = call();
    CountError(StatusOf(result));
    return result;
  }

  // Only what the store itself failed at: that a probe is not there is an answer.
  void CountError(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (!status.ok() && ReasonOf(status).starts_with("STORE_")) ++counts.errors;
  }

  const std::string quarantined;
  absl::Mutex mutex;
  Database database ABSL_GUARDED_BY(mutex);
  StoreStats counts ABSL_GUARDED_BY(mutex);
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path, int64_t now_unix_ns) {
  std::string absolute = path;
  if (path != kInMemory) {
    // SQLite takes an empty path and "file:..." for something else than a file.
    std::error_code error;
    absolute = std::filesystem::absolute(path, error).string();
    if (error) {
      return MakeError(
          absl::StatusCode::kFailedPrecondition, "STORE_NOT_A_FILE",
          fmt::format("the database path \"{}\" names no file ({}); choose another path", path,
                      error.message()),
          {{"path", path}});
    }
  }
  ASSIGN_OR_RETURN(OpenedDatabase opened,
                   OpenDatabase(absolute, EmbeddedMigrations(), now_unix_ns));
  ASSIGN_OR_RETURN(const int version, SchemaVersion(opened.database));
  return std::unique_ptr<Store>(new Store(std::make_unique<Impl>(std::move(opened), version)));
}

const std::string& Store::quarantined() const { return impl_->quarantined; }

absl::Status Store::PutProfile(const profile::Profile& profile, const std::string& binary_path,
                               bool imported, int64_t now_unix_ns) {
  return PutProfiles({{profile, binary_path, imported}}, now_unix_ns);
}

absl::Status Store::PutProfiles(const std::vector<ProfileRecord>& profiles, int64_t now_unix_ns) {
  for (const ProfileRecord& record : profiles) RETURN_IF_ERROR(CheckIdentity(record.profile));
  return impl_->Write([&] { return WriteProfiles(impl_->database, profiles, now_unix_ns); });
}

absl::Status Store::PutVerdicts(const std::string& id,
                                const std::map<std::string, FieldVerdict>& verdicts) {
  return impl_->Write([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const bool found, WriteVerdicts(impl_->database, id, verdicts));
    return found ? absl::OkStatus() : ProfileNotFound(id);
  });
}

absl::StatusOr<profile::Profile> Store::GetProfile(const std::string& id) {
  return impl_->Read([&]() -> absl::StatusOr<profile::Profile> {
    ASSIGN_OR_RETURN(std::optional<profile::Profile> found, ReadProfile(impl_->database, id));
    if (!found.has_value()) {
      ++impl_->counts.profile_misses;
      return ProfileNotFound(id);
    }
    ++impl_->counts.profile_hits;
    return *std::move(found);
  });
}

absl::StatusOr<std::vector<ProfileSummary>> Store::ListProfiles(const std::string& after_id,
                                                                size_t limit) {
  return impl_->Read([&] { return ListProfileRows(impl_->database, after_id, limit); });
}

absl::Status Store::DeleteProfile(const std::string& id) {
  return impl_->Write([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const bool deleted, DeleteProfileRows(impl_->database, id));
    return deleted ? absl::OkStatus() : ProfileNotFound(id);
  });
}

absl::Status Store::InsertProbe(const ProbeRecord& probe) {
  return impl_->Write([&] { return InsertProbeRows(impl_->database, probe); });
}

absl::Status Store::UpdateProbe(const ProbeRecord& probe, int64_t expected_generation) {
  return impl_->Write([&] { return UpdateProbeRows(impl_->database, probe, expected_generation); });
}

absl::Status Store::DeleteProbe(const std::string& id, int64_t expected_generation) {
  return impl_->Write([&] { return DeleteProbeRows(impl_->database, id, expected_generation); });
}

absl::StatusOr<std::vector<ProbeRecord>> Store::ListProbes() {
  return impl_->Read([&] { return ListProbeRows(impl_->database); });
}

absl::Status Store::AppendAudit(const AuditRecord& record) {
  return impl_->Write([&] { return AppendAuditRow(impl_->database, record); });
}

absl::StatusOr<std::vector<AuditRecord>> Store::ListAudit(size_t limit) {
  return impl_->Read([&] { return ListAuditRows(impl_->database, limit); });
}

StoreStats Store::stats() const {
  const absl::MutexLock lock(&impl_->mutex);
  const absl::StatusOr<int64_t> pages = impl_->database.Integer("PRAGMA page_count");
  const absl::StatusOr<int64_t> page_size = impl_->database.Integer("PRAGMA page_size");
  impl_->CountError(pages.status());
  impl_->CountError(page_size.status());
  StoreStats stats = impl_->counts;
  if (pages.ok() && page_size.ok()) stats.bytes = *pages * *page_size;
  return stats;
}

absl::Status Store::CheckIntegrity() {
  return impl_->Read([&] { return impl_->database.CheckIntegrity(); });
}

std::string Store::SqliteVersion() { return SQLite::getLibVersion(); }

}  // namespace uprobed::store
