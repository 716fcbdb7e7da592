#include "server/store/migrator.h"

#include <fmt/format.h>

#include <cstddef>
#include <string_view>

#include "server/base/errors.h"
#include "server/store/database_file.h"

namespace uprobed::store {
namespace {

constexpr char kCreateHistory[] =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    " version INTEGER NOT NULL PRIMARY KEY,"
    " name TEXT NOT NULL,"
    " sha256 TEXT NOT NULL,"
    " applied_at_unix_ns INTEGER NOT NULL"
    ") STRICT";

std::span<const Migration> First(std::span<const Migration> migrations, int count) {
  return migrations.first(static_cast<size_t>(count));
}

absl::Status CheckHistory(Database& database, std::span<const Migration> applied) {
  for (const Migration& migration : applied) {
    const std::string sha256(migration.sha256);
    ASSIGN_OR_RETURN(const int64_t known, database.Integer("SELECT count(*) FROM schema_migrations"
                                                           " WHERE version = ? AND sha256 = ?",
                                                           {migration.version, sha256}));
    if (known == 1) continue;
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "STORE_SCHEMA_DIFFERS",
        fmt::format("the database {} was made with another migration {:04} than this "
                    "build's {:04}_{}; use the build that made it, or another path",
                    database.path(), migration.version, migration.version, migration.name),
        {{"path", database.path()}});
  }
  return absl::OkStatus();
}

absl::Status BackUp(Database& database, int version) {
  const std::string backup = fmt::format("{}.v{}.bak", database.path(), version);
  const std::string unfinished = backup + ".tmp";
  RETURN_IF_ERROR(RemoveFile(unfinished));
  // VACUUM INTO writes to a file that is there if it is empty, and keeps its mode.
  RETURN_IF_ERROR(MakePrivateFile(unfinished));
  RETURN_IF_ERROR(database.Execute("VACUUM INTO ?", {unfinished}).status());
  return PublishFile(unfinished, backup);
}

absl::Status CheckForeignKeys(Database& database, const Migration& migration) {
  return database.Each("PRAGMA foreign_key_check", {}, [&](const Row& row) {
    return MakeError(absl::StatusCode::kInternal, "STORE_INTERNAL",
                     fmt::format("migration {:04}_{} breaks a reference of table {}; this is a "
                                 "defect of the daemon, please report it",
                                 migration.version, migration.name, row.Text(0)),
                     {{"path", database.path()}});
  });
}

absl::Status Apply(Database& database, const Migration& migration, int64_t now_unix_ns) {
  return database.Transaction(Database::TransactionKind::kWrite, [&]() -> absl::Status {
    RETURN_IF_ERROR(database.ExecuteScript(kCreateHistory));
    RETURN_IF_ERROR(database.ExecuteScript(std::string(migration.sql)));
    RETURN_IF_ERROR(CheckForeignKeys(database, migration));
    RETURN_IF_ERROR(database
                        .Execute("INSERT INTO schema_migrations"
                                 " (version, name, sha256, applied_at_unix_ns) VALUES (?, ?, ?, ?)",
                                 {migration.version, std::string(migration.name),
                                  std::string(migration.sha256), now_unix_ns})
                        .status());
    return database.ExecuteScript(fmt::format("PRAGMA user_version = {}", migration.version));
  });
}

absl::Status ApplyAll(Database& database, std::span<const Migration> pending, int64_t now_unix_ns) {
  for (const Migration& migration : pending) {
    RETURN_IF_ERROR(Annotate(Apply(database, migration, now_unix_ns),
                             fmt::format("migration {:04}_{} failed and was undone",
                                         migration.version, migration.name)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> SchemaVersion(Database& database) {
  ASSIGN_OR_RETURN(const int64_t version, database.Integer("PRAGMA user_version"));
  return static_cast<int>(version);
}

absl::Status CheckNotNewer(int version, std::span<const Migration> migrations,
                           const std::string& path) {
  const int known = static_cast<int>(migrations.size());
  if (version >= 0 && version <= known) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "STORE_NEWER_SCHEMA",
      fmt::format("the database {} has schema version {}, this program knows up to {}; "
                  "use the newer release that made it, or restore a {}.v*.bak of an "
                  "older schema",
                  path, version, known, path),
      {{"path", path},
       {"schema_version", std::to_string(version)},
       {"known_schema_version", std::to_string(known)}});
}

absl::Status Migrate(Database& database, std::span<const Migration> migrations,
                     int64_t now_unix_ns) {
  ASSIGN_OR_RETURN(const int version, SchemaVersion(database));
  RETURN_IF_ERROR(CheckNotNewer(version, migrations, database.path()));
  RETURN_IF_ERROR(CheckHistory(database, First(migrations, version)));
  const std::span<const Migration> pending = migrations.subspan(static_cast<size_t>(version));
  if (pending.empty()) return absl::OkStatus();
  if (version > 0 && database.path() != kInMemory) RETURN_IF_ERROR(BackUp(database, version));
  // With enforcement on, a migration that rebuilds a table would cascade into those that refer to
  // it (https://www.sqlite.org/lang_altertable.html#otheralter); each is checked before its commit.
  RETURN_IF_ERROR(database.ExecuteScript("PRAGMA foreign_keys = OFF"));
  const absl::Status applied = ApplyAll(database, pending, now_unix_ns);
  absl::Status enforced = database.ExecuteScript("PRAGMA foreign_keys = ON");
  RETURN_IF_ERROR(applied);
  return enforced;
}

}  // namespace uprobed::store
