#ifndef UPROBED_SERVER_RPC_CUT_CONNECTIONS_H_
#define UPROBED_SERVER_RPC_CUT_CONNECTIONS_H_

#include <cstddef>
#include <string>

namespace uprobed::rpc {

// Where a server listens.
struct ListeningAddresses {
  std::string unix_socket_path;  // empty: on none
  int tcp_port = 0;              // 0: on none
};

// Ends the connections that the process has accepted there: whoever writes to one is told that it
// is broken. Returns how many there were. Thread-safe.
size_t CutConnections(const ListeningAddresses& addresses);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_CUT_CONNECTIONS_H_
