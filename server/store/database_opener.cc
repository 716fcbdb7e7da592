#include "server/store/database_opener.h"

#include <fmt/format.h>

#include <utility>

#include "server/base/errors.h"
#include "server/store/database_file.h"
#include "server/store/migrator.h"

namespace uprobed::store {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

// FULL: what was acknowledged survives a loss of power. trusted_schema and cell_size_check guard
// against a file that was tampered with (https://www.sqlite.org/security.html).
constexpr char kConfigure[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;";

bool IsCorrupt(const absl::Status& status) { return ReasonOf(status) == "STORE_CORRUPT"; }

absl::Status ForeignError(const std::string& path) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "STORE_FOREIGN",
                   fmt::format("{} is not a database of uprobed and was left alone; "
                               "choose another database path",
                               path),
                   {{"path", path}});
}

absl::StatusOr<Database> OpenSound(const std::string& path, bool is_new,
                                   std::span<const Migration> migrations, int64_t now_unix_ns) {
  if (path != kInMemory) RETURN_IF_ERROR(MakePrivateFile(path));
  ASSIGN_OR_RETURN(Database database, Database::Open(path));
  if (is_new) {
    // Before WAL mode: InspectFile looks for the id in the file itself.
    RETURN_IF_ERROR(
        database.ExecuteScript(fmt::format("PRAGMA application_id = {}", kApplicationId)));
  }
  RETURN_IF_ERROR(database.ExecuteScript(kConfigure));
  if (!is_new) RETURN_IF_ERROR(database.CheckIntegrity());
  RETURN_IF_ERROR(Migrate(database, migrations, now_unix_ns));
  return database;
}

// Of a file that is ours; STORE_CORRUPT where it is damaged.
absl::StatusOr<Database> OpenOurs(const std::string& path, std::span<const Migration> migrations,
                                  int64_t now_unix_ns) {
  ASSIGN_OR_RETURN(const int version, ReadSchemaVersion(path));
  RETURN_IF_ERROR(CheckNotNewer(version, migrations, path));
  return OpenSound(path, /*is_new=*/false, migrations, now_unix_ns);
}

absl::StatusOr<OpenedDatabase> OpenNew(const std::string& path, std::string quarantined,
                                       std::span<const Migration> migrations, int64_t now_unix_ns) {
  ASSIGN_OR_RETURN(Database database, OpenSound(path, /*is_new=*/true, migrations, now_unix_ns));
  return OpenedDatabase{std::move(database), std::move(quarantined)};
}

}  // namespace

absl::StatusOr<OpenedDatabase> OpenDatabase(const std::string& path,
                                            std::span<const Migration> migrations,
                                            int64_t now_unix_ns) {
  if (path == kInMemory) return OpenNew(path, "", migrations, now_unix_ns);
  ASSIGN_OR_RETURN(const FileState state, InspectFile(path));
  if (state == FileState::kForeign) return ForeignError(path);
  if (state == FileState::kNew) return OpenNew(path, "", migrations, now_unix_ns);
  if (state == FileState::kOurs) {
    absl::StatusOr<Database> database = OpenOurs(path, migrations, now_unix_ns);
    if (database.ok()) return OpenedDatabase{*std::move(database), ""};
    if (!IsCorrupt(database.status())) return database.status();
  }
  ASSIGN_OR_RETURN(std::string quarantined, SetAside(path, now_unix_ns / kNanosPerSecond));
  return OpenNew(path, std::move(quarantined), migrations, now_unix_ns);
}

}  // namespace uprobed::store
