#include "server/rpc/cut_connections.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace uprobed::rpc {
namespace {

bool IsOf(const sockaddr_storage& local, const ListeningAddresses& addresses) {
  if (local.ss_family == AF_UNIX) {
    sockaddr_un address{};
    std::memcpy(&address, &local, sizeof(address));
    const std::string_view path(address.sun_path,
                                ::strnlen(address.sun_path, sizeof(address.sun_path)));
    return !path.empty() && path == addresses.unix_socket_path;
  }
  // The port stands in the same place in both.
  if (local.ss_family != AF_INET && local.ss_family != AF_INET6) return false;
  sockaddr_in address{};
  std::memcpy(&address, &local, sizeof(address));
  return addresses.tcp_port != 0 && ntohs(address.sin_port) == addresses.tcp_port;
}

bool IsAccepted(int fd, const ListeningAddresses& addresses) {
  sockaddr_storage local{};
  socklen_t size = sizeof(local);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) != 0) return false;
  sockaddr_storage peer{};
  size = sizeof(peer);
  return IsOf(local, addresses) &&
         ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

}  // namespace

size_t CutConnections(const ListeningAddresses& addresses) {
  size_t cut = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const std::string name = entry.path().filename().string();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    if (fd >= 0 && IsAccepted(fd, addresses) && ::shutdown(fd, SHUT_RDWR) == 0) ++cut;
  }
  return cut;
}

}  // namespace uprobed::rpc
