#ifndef UPROBED_SERVER_STORE_MIGRATOR_H_
#define UPROBED_SERVER_STORE_MIGRATOR_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "migrations/migrations.h"
#include "server/store/database.h"

namespace uprobed::store {

// The version of the schema: how many migrations were applied; 0 for a new database.
absl::StatusOr<int> SchemaVersion(Database& database);

// Refuses a schema that a newer release made: FAILED_PRECONDITION STORE_NEWER_SCHEMA.
absl::Status CheckNotNewer(int version, std::span<const Migration> migrations,
                           const std::string& path);

// Applies those of `migrations` (versions 1, 2, ...) that the database lacks, each in a transaction
// of its own that also records it in schema_migrations and PRAGMA user_version: one that fails
// leaves the schema of the one before. A database of an older schema is first copied to
// `path`.v<N>.bak. Errors: those of Database, STORE_NEWER_SCHEMA, and FAILED_PRECONDITION
// STORE_SCHEMA_DIFFERS where an applied migration is not the one of this list.
absl::Status Migrate(Database& database, std::span<const Migration> migrations,
                     int64_t now_unix_ns);

}  // namespace uprobed::store

#endif  // UPROBED_SERVER_STORE_MIGRATOR_H_
