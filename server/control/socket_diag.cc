#include "server/control/socket_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "server/base/unique_fd.h"

namespace uprobed::control {
namespace {

// The kernel sends no more at once than the reader has room for, and at most this
// (net/netlink/af_netlink.c, netlink_dump).
constexpr size_t kAnswerBytes = 32768;
// The kernel answers in the call that reads; this is only so that nothing waits for ever.
constexpr timeval kPatience{.tv_sec = 1, .tv_usec = 0};

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

bool Ask(int netlink, int family) {
  Request request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = static_cast<uint8_t>(family);
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = 1U << TCP_LISTEN;
  return send(netlink, &request, sizeof(request), 0) == sizeof(request);
}

// Appends the answer to one request.
bool Read(int netlink, std::vector<ListeningSocket>& sockets) {
  std::vector<std::byte> datagram(kAnswerBytes);
  while (true) {
    const ssize_t size = recv(netlink, datagram.data(), datagram.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    const auto part = ParseSocketDiag(std::span(datagram).first(static_cast<size_t>(size)));
    if (!part.has_value()) return false;
    sockets.insert(sockets.end(), part->sockets.begin(), part->sockets.end());
    if (!part->more) return true;
  }
}

template <typename T>
std::optional<T> Take(std::span<const std::byte> bytes) {
  T value;
  if (bytes.size() < sizeof(value)) return std::nullopt;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

}  // namespace

bool ListeningSocket::operator==(const ListeningSocket& other) const {
  return inode == other.inode && family == other.family && port == other.port &&
         std::memcmp(&address, &other.address, sizeof(address)) == 0;
}

std::optional<SocketDiagPart> ParseSocketDiag(std::span<const std::byte> datagram) {
  SocketDiagPart part;
  while (!datagram.empty()) {
    const auto header = Take<nlmsghdr>(datagram);
    if (!header.has_value() || header->nlmsg_len < sizeof(*header) ||
        header->nlmsg_len > datagram.size()) {
      return std::nullopt;
    }
    if (header->nlmsg_type == NLMSG_DONE) {
      part.more = false;
      return part;
    }
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY) return std::nullopt;
    const auto socket =
        Take<inet_diag_msg>(datagram.first(header->nlmsg_len).subspan(sizeof(*header)));
    if (!socket.has_value()) return std::nullopt;
    ListeningSocket& found = part.sockets.emplace_back();
    found.inode = socket->idiag_inode;
    found.family = socket->idiag_family;
    static_assert(sizeof(found.address) == sizeof(socket->id.idiag_src));
    std::memcpy(&found.address, socket->id.idiag_src, sizeof(found.address));
    found.port = ntohs(socket->id.idiag_sport);
    datagram = datagram.subspan(std::min<size_t>(NLMSG_ALIGN(header->nlmsg_len), datagram.size()));
  }
  return part;
}

std::optional<std::vector<ListeningSocket>> DumpListeningSockets() {
  const UniqueFd netlink(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink.valid() ||
      setsockopt(netlink.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience)) != 0) {
    return std::nullopt;
  }
  std::vector<ListeningSocket> sockets;
  for (const int family : {AF_INET, AF_INET6}) {
    if (!Ask(netlink.get(), family) || !Read(netlink.get(), sockets)) return std::nullopt;
  }
  return sockets;
}

}  // namespace uprobed::control
