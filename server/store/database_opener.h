#ifndef UPROBED_SERVER_STORE_DATABASE_OPENER_H_
#define UPROBED_SERVER_STORE_DATABASE_OPENER_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "migrations/migrations.h"
#include "server/store/database.h"

namespace uprobed::store {

struct OpenedDatabase {
  Database database;        // configured, checked, of the newest schema
  std::string quarantined;  // where a damaged file was moved; empty: there was none
};

// What Store::Open promises, with any list of migrations. Errors: those of InspectFile and Migrate,
// and FAILED_PRECONDITION STORE_FOREIGN for the database of another program, which is not touched.
absl::StatusOr<OpenedDatabase> OpenDatabase(const std::string& path,
                                            std::span<const Migration> migrations,
                                            int64_t now_unix_ns);

}  // namespace uprobed::store

#endif  // UPROBED_SERVER_STORE_DATABASE_OPENER_H_
