#include "server/control/socket_diag.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstring>

#include "server/base/unique_fd.h"

namespace uprobed::control {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// On a loopback address and a port that the kernel chooses.
template <typename Address>
std::pair<UniqueFd, ListeningSocket> Listen(Address address, in_port_t Address::*port) {
  ListeningSocket expected;
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  expected.family = generic->sa_family;
  UniqueFd listener(socket(expected.family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  socklen_t size = sizeof(address);
  struct stat status {};
  if (bind(listener.get(), generic, size) != 0 || listen(listener.get(), 1) != 0 ||
      getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      fstat(listener.get(), &status) != 0) {
    return {UniqueFd(), expected};
  }
  expected.inode = status.st_ino;
  expected.port = ntohs(address.*port);
  return {std::move(listener), expected};
}

template <typename Body>
std::vector<std::byte> Message(uint16_t type, const Body& body) {
  nlmsghdr header{};
  header.nlmsg_len = sizeof(header) + sizeof(body);
  header.nlmsg_type = type;
  std::vector<std::byte> bytes(NLMSG_ALIGN(header.nlmsg_len));
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), &body, sizeof(body));
  return bytes;
}

std::vector<std::byte> SocketMessage() {
  inet_diag_msg body{};
  body.idiag_family = AF_INET;
  body.idiag_inode = 4711;
  body.id.idiag_sport = htons(8080);
  body.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
  return Message(SOCK_DIAG_BY_FAMILY, body);
}

TEST(DumpListeningSockets, HasThoseOfBothFamiliesAndNoOther) {
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto [listener4, expected4] = Listen(ipv4, &sockaddr_in::sin_port);
  std::memcpy(&expected4.address, &ipv4.sin_addr, sizeof(ipv4.sin_addr));
  ASSERT_TRUE(listener4.valid());

  const auto sockets = DumpListeningSockets();

  if (!sockets.has_value()) GTEST_SKIP() << "the kernel has no CONFIG_INET_DIAG";
  EXPECT_THAT(*sockets, Contains(expected4));
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_addr = in6addr_loopback;
  auto [listener6, expected6] = Listen(ipv6, &sockaddr_in6::sin6_port);
  if (!listener6.valid()) GTEST_SKIP() << "the machine has no IPv6";
  expected6.address = in6addr_loopback;
  EXPECT_THAT(*DumpListeningSockets(), Contains(expected6));
  listener4 = UniqueFd();
  EXPECT_THAT(*DumpListeningSockets(), ::testing::Not(Contains(expected4)));
}

TEST(ParseSocketDiag, ReadsSocketsUntilTheEnd) {
  std::vector<std::byte> datagram = SocketMessage();
  const auto some = ParseSocketDiag(datagram);
  ASSERT_TRUE(some.has_value());
  EXPECT_TRUE(some->more);
  ASSERT_THAT(some->sockets, SizeIs(1));
  EXPECT_EQ(some->sockets[0].inode, 4711U);
  EXPECT_EQ(some->sockets[0].port, 8080);

  const std::vector<std::byte> done = Message(NLMSG_DONE, int{});
  datagram.insert(datagram.end(), done.begin(), done.end());
  const auto all = ParseSocketDiag(datagram);
  ASSERT_TRUE(all.has_value());
  EXPECT_FALSE(all->more);
  EXPECT_THAT(all->sockets, SizeIs(1));
  EXPECT_THAT(ParseSocketDiag({})->sockets, IsEmpty());
}

TEST(ParseSocketDiag, RefusesErrorsAndWhatIsCutOff) {
  EXPECT_FALSE(ParseSocketDiag(Message(NLMSG_ERROR, nlmsgerr{})).has_value());
  EXPECT_FALSE(ParseSocketDiag(Message(SOCK_DIAG_BY_FAMILY, int{})).has_value());
  const std::vector<std::byte> whole = SocketMessage();
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseSocketDiag(std::span(whole).first(size)).has_value()) << size;
  }
}

}  // namespace
}  // namespace uprobed::control
