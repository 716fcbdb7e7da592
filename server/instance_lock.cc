#include "server/instance_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>

#include "server/base/errors.h"

namespace uprobed {

absl::StatusOr<UniqueFd> LockInstance(const std::string& path) {
  constexpr mode_t kOwnerOnly = 0600;
  UniqueFd file(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
  if (!file.valid()) {
    return MakeErrnoError(errno, "STATE_DIRECTORY_UNUSABLE",
                          fmt::format("cannot create {}; make its directory, or name another "
                                      "database with --database",
                                      path));
  }
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "DAEMON_ALREADY_RUNNING",
        fmt::format("another uprobed holds {}: stop it, or give this one a database of "
                    "its own with --database",
                    path));
  }
  return file;
}

}  // namespace uprobed
