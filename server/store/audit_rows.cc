#include "server/store/audit_rows.h"

#include <algorithm>

#include "server/base/errors.h"

namespace uprobed::store {

absl::Status AppendAuditRow(Database& database, const AuditRecord& record) {
  return database.Transaction(Database::TransactionKind::kWrite, [&]() -> absl::Status {
    RETURN_IF_ERROR(database
                        .Execute("INSERT INTO audit (time_unix_ns, peer, method, resource, code,"
                                 " reason) VALUES (?, ?, ?, ?, ?, ?)",
                                 {record.time_unix_ns, record.peer, record.method, record.resource,
                                  record.code, record.reason})
                        .status());
    // The newest row always stays, so ids have no gaps and count the rows.
    return database
        .Execute("DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?", {kAuditRows})
        .status();
  });
}

absl::StatusOr<std::vector<AuditRecord>> ListAuditRows(Database& database, size_t limit) {
  const auto most = static_cast<size_t>(kAuditRows);
  std::vector<AuditRecord> records;
  RETURN_IF_ERROR(
      database.Each("SELECT id, time_unix_ns, peer, method, resource, code, reason FROM audit"
                    " ORDER BY id DESC LIMIT ?",
                    {static_cast<int64_t>(std::min(limit, most))}, [&](const Row& row) {
                      records.push_back({.id = row.Integer(0),
                                         .time_unix_ns = row.Integer(1),
                                         .peer = row.Text(2),
                                         .method = row.Text(3),
                                         .resource = row.Text(4),
                                         .code = row.Text(5),
                                         .reason = row.Text(6)});
                      return absl::OkStatus();
                    }));
  return records;
}

}  // namespace uprobed::store
