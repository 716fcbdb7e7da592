#ifndef UPROBED_SERVER_STORE_PROBE_LIMIT_ROWS_H_
#define UPROBED_SERVER_STORE_PROBE_LIMIT_ROWS_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "server/store/database.h"
#include "server/store/probe_record.h"

namespace uprobed::store {

// SpanLimits of probes, as parts of the rows of these: in a transaction of the caller's.

// Of a probe whose own row is there.
absl::Status InsertProbeLimits(Database& database, const ProbeRecord& probe);
// Of all probes, which `probes` has by id.
absl::Status ReadProbeLimits(Database& database, std::map<std::string, ProbeRecord>& probes);

}  // namespace uprobed::store

#endif  // UPROBED_SERVER_STORE_PROBE_LIMIT_ROWS_H_
