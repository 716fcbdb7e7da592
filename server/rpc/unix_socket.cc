#include "server/rpc/unix_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <vector>

#include "server/base/errors.h"

namespace uprobed::rpc {
namespace {

constexpr mode_t kMode = 0660;
constexpr size_t kGroupBufferBytes = 16384;

absl::Status Failed(int error_number, std::string_view what, const std::string& path) {
  return MakeErrnoError(error_number, "SOCKET_FAILED", fmt::format("{} {}", what, path));
}

absl::StatusOr<sockaddr_un> Address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!path.starts_with('/') || path.ends_with('/') || path.size() >= sizeof(address.sun_path) ||
      path.find('\0') != std::string::npos) {
    return MakeError(absl::StatusCode::kInvalidArgument, "SOCKET_PATH_INVALID",
                     fmt::format("\"{}\" cannot be a unix socket: give an absolute path of at most "
                                 "{} bytes",
                                 path, sizeof(address.sun_path) - 1),
                     {{"path", path}});
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

absl::StatusOr<UniqueFd> OpenDirectory(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    const int error_number = errno;
    if (error_number != ENOENT && error_number != ENOTDIR) {
      return Failed(error_number, "open", directory);
    }
    return MakeError(absl::StatusCode::kFailedPrecondition, "SOCKET_DIRECTORY_MISSING",
                     fmt::format("there is no directory {}: create it", directory),
                     {{"path", directory}});
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Failed(errno, "stat", directory);
  if ((info.st_mode & S_IWOTH) != 0 && (info.st_mode & S_ISVTX) == 0) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "SOCKET_DIRECTORY_UNSAFE",
                     fmt::format("everybody may write to {}, so anybody could replace the socket: "
                                 "use another directory or set its sticky bit",
                                 directory),
                     {{"path", directory}});
  }
  return fd;
}

absl::StatusOr<UniqueFd> NewSocket(int extra_flags) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | extra_flags, 0));
  if (!fd.valid()) return MakeErrnoError(errno, "SOCKET_FAILED", "create a unix socket");
  return fd;
}

// Makes `path` free, or says why it cannot be.
absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    const int error_number = errno;
    return error_number == ENOENT ? absl::OkStatus() : Failed(error_number, "stat", path);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "SOCKET_PATH_TAKEN",
                     fmt::format("{} is there and no socket: remove it or give another path", path),
                     {{"path", path}});
  }
  // Non-blocking: a listener whose backlog is full answers EAGAIN and is alive.
  ASSIGN_OR_RETURN(const UniqueFd probe, NewSocket(SOCK_NONBLOCK));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
      errno != ECONNREFUSED) {
    return MakeError(
        absl::StatusCode::kUnavailable, "SOCKET_IN_USE",
        fmt::format("another daemon listens on {}: stop it or give another path", path),
        {{"path", path}});
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Failed(errno, "remove stale", path);
  return absl::OkStatus();
}

absl::StatusOr<gid_t> FindGroup(const std::string& name) {
  std::vector<char> buffer(kGroupBufferBytes);
  group entry{};
  group* found = nullptr;
  const int error_number = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return found->gr_gid;
  return MakeError(absl::StatusCode::kFailedPrecondition, "SOCKET_GROUP_UNKNOWN",
                   error_number == 0
                       ? fmt::format("there is no group \"{}\": create it or name another", name)
                       : fmt::format("group \"{}\" cannot be looked up: {}", name,
                                     std::generic_category().message(error_number)),
                   {{"group", name}});
}

absl::Status SetOwnerAndMode(const std::string& path, const std::string& group_name) {
  if (!group_name.empty()) {
    ASSIGN_OR_RETURN(const gid_t gid, FindGroup(group_name));
    if (::lchown(path.c_str(), static_cast<uid_t>(-1), gid) != 0) {
      return Failed(errno, fmt::format("give group {} to", group_name), path);
    }
  }
  // After the group, so that the old group never has access. The path cannot be a link by now: only
  // the owner may replace a file in this directory.
  if (::chmod(path.c_str(), kMode) != 0) return Failed(errno, "set the mode of", path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UnixSocket> UnixSocket::Listen(const std::string& path, const std::string& group) {
  ASSIGN_OR_RETURN(const sockaddr_un address, Address(path));
  ASSIGN_OR_RETURN(const UniqueFd directory, OpenDirectory(path));
  // Two daemons that start at once must not both take the other's fresh file for a stale one. The
  // lock ends with the descriptor.
  if (::flock(directory.get(), LOCK_EX) != 0) return Failed(errno, "lock the directory of", path);
  RETURN_IF_ERROR(RemoveStale(path, address));

  ASSIGN_OR_RETURN(UniqueFd fd, NewSocket(SOCK_NONBLOCK));
  // bind() gives the file the mode of the socket less the umask (net/unix/af_unix.c,
  // unix_bind_bsd), so no umask, which all threads share, has to change. Nobody can connect before
  // listen().
  if (::fchmod(fd.get(), group.empty() ? kMode : kMode & ~mode_t{S_IRWXG}) != 0) {
    return Failed(errno, "set the mode of", path);
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Failed(errno, "bind", path);
  }
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return Failed(errno, "stat", path);
  UnixSocket result(std::move(fd), path, info.st_dev, info.st_ino);  // removes the file on failure
  RETURN_IF_ERROR(SetOwnerAndMode(path, group));
  if (::listen(result.fd(), SOMAXCONN) != 0) return Failed(errno, "listen on", path);
  return result;
}

void UnixSocket::Close() {
  if (!fd_.valid()) return;
  struct stat info {};
  if (::lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_ &&
      ::unlink(path_.c_str()) != 0) {
    const int error_number = errno;
    spdlog::warn("socket file stays path={}: {}", path_,
                 std::generic_category().message(error_number));
  }
  fd_.Reset();
}

}  // namespace uprobed::rpc
