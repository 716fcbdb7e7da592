#ifndef UPROBED_SERVER_INSTANCE_LOCK_H_
#define UPROBED_SERVER_INSTANCE_LOCK_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"

namespace uprobed {

// Keeps a second daemon from using the same database: takes an exclusive lock on `path`, held as
// long as the returned descriptor is open, and given back by the kernel however the process ends.
// FAILED_PRECONDITION DAEMON_ALREADY_RUNNING; NOT_FOUND or PERMISSION_DENIED
// STATE_DIRECTORY_UNUSABLE.
absl::StatusOr<UniqueFd> LockInstance(const std::string& path);

}  // namespace uprobed

#endif  // UPROBED_SERVER_INSTANCE_LOCK_H_
