#include "server/rpc/cut_connections.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "server/base/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace uprobed::rpc {
namespace {

struct Connection {
  UniqueFd listener;
  UniqueFd client;
  UniqueFd accepted;
};

Connection Connect(int family, const sockaddr* address, socklen_t size) {
  Connection connection{.listener = UniqueFd(::socket(family, SOCK_STREAM, 0)),
                        .client = UniqueFd(::socket(family, SOCK_STREAM, 0)),
                        .accepted = {}};
  EXPECT_EQ(::bind(connection.listener.get(), address, size), 0);
  EXPECT_EQ(::listen(connection.listener.get(), 1), 0);
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof(bound);
  EXPECT_EQ(
      ::getsockname(connection.listener.get(), reinterpret_cast<sockaddr*>(&bound), &bound_size),
      0);
  EXPECT_EQ(::connect(connection.client.get(), reinterpret_cast<sockaddr*>(&bound), bound_size), 0);
  connection.accepted = UniqueFd(::accept(connection.listener.get(), nullptr, nullptr));
  EXPECT_TRUE(connection.accepted.valid());
  return connection;
}

Connection ConnectUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return Connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

Connection ConnectTcp() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return Connect(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

int PortOf(const Connection& connection) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  EXPECT_EQ(::getsockname(connection.listener.get(), reinterpret_cast<sockaddr*>(&address), &size),
            0);
  return ntohs(address.sin_port);
}

bool IsCut(const Connection& connection) {
  return ::send(connection.accepted.get(), "x", 1, MSG_NOSIGNAL) < 0;
}

TEST(CutConnections, EndsThoseOfTheListenersThatAreNamed) {
  const testing::TempDir directory;
  const Connection ours = ConnectUnix(directory.File("ours"));
  const Connection others = ConnectUnix(directory.File("others"));
  const Connection tcp = ConnectTcp();
  const Connection other_tcp = ConnectTcp();

  EXPECT_EQ(CutConnections({}), 0U);
  EXPECT_EQ(CutConnections({.unix_socket_path = directory.File("ours"), .tcp_port = 0}), 1U);
  EXPECT_TRUE(IsCut(ours));
  EXPECT_FALSE(IsCut(others));
  EXPECT_FALSE(IsCut(tcp));

  EXPECT_EQ(CutConnections({.unix_socket_path = "", .tcp_port = PortOf(tcp)}), 1U);
  EXPECT_TRUE(IsCut(tcp));
  EXPECT_FALSE(IsCut(other_tcp));
  EXPECT_FALSE(IsCut(others));
}

}  // namespace
}  // namespace uprobed::rpc
