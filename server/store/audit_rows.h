#ifndef UPROBED_SERVER_STORE_AUDIT_ROWS_H_
#define UPROBED_SERVER_STORE_AUDIT_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/database.h"
#include "server/store/probe_record.h"

namespace uprobed::store {

// How many audit rows are kept: about 2 MB.
inline constexpr int64_t kAuditRows = 10'000;

// Appends `record` under an id of the store's own, and removes rows older than the newest
// kAuditRows.
absl::Status AppendAuditRow(Database& database, const AuditRecord& record);

// Newest first.
absl::StatusOr<std::vector<AuditRecord>> ListAuditRows(Database& database, size_t limit);

}  // namespace uprobed::store

#endif  // UPROBED_SERVER_STORE_AUDIT_ROWS_H_
