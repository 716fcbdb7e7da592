#ifndef UPROBED_SERVER_STORE_PROBE_ROWS_H_
#define UPROBED_SERVER_STORE_PROBE_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/database.h"
#include "server/store/probe_record.h"

namespace uprobed::store {

// Desired probes as rows: `probes` and its children probe_instrumentations and probe_labels. Each
// function is one transaction; errors as in Store.
absl::Status InsertProbeRows(Database& database, const ProbeRecord& probe);
absl::Status UpdateProbeRows(Database& database, const ProbeRecord& probe,
                             int64_t expected_generation);
absl::Status DeleteProbeRows(Database& database, const std::string& id,
                             int64_t expected_generation);
absl::StatusOr<std::vector<ProbeRecord>> ListProbeRows(Database& database);

}  // namespace uprobed::store

#endif  // UPROBED_SERVER_STORE_PROBE_ROWS_H_
