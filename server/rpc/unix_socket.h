#ifndef UPROBED_SERVER_RPC_UNIX_SOCKET_H_
#define UPROBED_SERVER_RPC_UNIX_SOCKET_H_

#include <sys/types.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"

namespace uprobed::rpc {

// A listening unix socket and its file, which is removed with it. Who may open the file commands
// the daemon, so its mode is 0660 and its directory must be one in which nobody can put another
// file in its place. Thread: one at a time.
class UnixSocket {
 public:
  // Binds without a race: the file is never more open than 0660, belongs to `group` (empty: the
  // process's) and has exactly that mode before anybody can connect. A socket file that nobody
  // listens on, left by a dead daemon, is replaced; no other file is.
  // INVALID_ARGUMENT SOCKET_PATH_INVALID; FAILED_PRECONDITION SOCKET_DIRECTORY_MISSING,
  // SOCKET_DIRECTORY_UNSAFE, SOCKET_PATH_TAKEN (by a file that is no socket), SOCKET_GROUP_UNKNOWN;
  // UNAVAILABLE SOCKET_IN_USE; SOCKET_FAILED with the code of the system call's error.
  static absl::StatusOr<UnixSocket> Listen(const std::string& path, const std::string& group);
  UnixSocket(UnixSocket&&) = default;
  UnixSocket& operator=(UnixSocket&&) = delete;
  ~UnixSocket() { Close(); }

  int fd() const { return fd_.get(); }
  // Removes the file, unless another one took its place, and stops listening.
  void Close();

 private:
  UnixSocket(UniqueFd fd, std::string path, dev_t device, ino_t inode)
      : fd_(std::move(fd)), path_(std::move(path)), device_(device), inode_(inode) {}

  UniqueFd fd_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_UNIX_SOCKET_H_
