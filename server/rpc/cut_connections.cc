#include "server/rpc/cut_connections.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace uprobed::rpc {
namespace {

// fs.nr_open, unless somebody has raised it: no limit is above it.
constexpr rlim_t kMaxDescriptors = 1 << 20;

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
  // Asked one by one, because to list them takes a descriptor, which there may be none left of.
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const int end = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kMaxDescriptors));
  size_t cut = 0;
  for (int fd = 0; fd < end; ++fd) {
    if (IsAccepted(fd, addresses) && ::shutdown(fd, SHUT_RDWR) == 0) ++cut;
  }
  return cut;
}

}  // namespace uprobed::rpc
