#ifndef UPROBED_SERVER_CONTROL_SOCKET_DIAG_H_
#define UPROBED_SERVER_CONTROL_SOCKET_DIAG_H_

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace uprobed::control {

// A TCP socket that listens.
struct ListeningSocket {
  uint64_t inode = 0;
  int family = AF_INET;  // or AF_INET6
  in6_addr address{};    // of IPv4 the first four bytes
  uint16_t port = 0;     // host order
  bool operator==(const ListeningSocket& other) const;
};

// All of the daemon's own network namespace, asked of the kernel by netlink (sock_diag(7)), which
// looks at those that listen only: to read /proc/net/tcp makes it go through the table of all
// connections, which has millions of places on a machine with much memory. nullopt where the kernel
// does not answer (CONFIG_INET_DIAG). Any thread.
std::optional<std::vector<ListeningSocket>> DumpListeningSockets();

// What one datagram of an answer holds. `more`: another one follows. nullopt where it tells of an
// error, or is no answer.
struct SocketDiagPart {
  std::vector<ListeningSocket> sockets;
  bool more = true;
};
std::optional<SocketDiagPart> ParseSocketDiag(std::span<const std::byte> datagram);

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_SOCKET_DIAG_H_
