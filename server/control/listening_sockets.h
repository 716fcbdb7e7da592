#ifndef UPROBED_SERVER_CONTROL_LISTENING_SOCKETS_H_
#define UPROBED_SERVER_CONTROL_LISTENING_SOCKETS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace uprobed::control {

// Where a process can be reached by TCP, from inside its network namespace.
struct ListeningAddress {
  uint64_t network_namespace = 0;  // inode of /proc/<pid>/ns/net
  std::string authority;           // "127.0.0.1:8080", "localhost:8080", "[::1]:8080"
  // clang-tidy 14 takes the comparison with 0 that the compiler writes for a null pointer.
  auto operator<=>(const ListeningAddress&) const = default;
};

// The authorities that reach a listening socket, by the inode of the socket, from the content of
// /proc/<pid>/net/tcp or tcp6. A socket on a wildcard or loopback address is reached by its
// loopback names; any other by its literal address. Lines that do not parse are left out.
std::map<uint64_t, std::vector<std::string>> ParseListeners(std::string_view table);

// Joins the sockets of processes with the tables of their network namespaces, each of which is read
// once. A reading as of now: make a new one each time. Thread: one at a time.
class ListeningSockets {
 public:
  explicit ListeningSockets(std::string proc_root) : proc_root_(std::move(proc_root)) {}

  // Ordered, each once; empty where the process is gone or listens nowhere.
  std::vector<ListeningAddress> Of(uint32_t pid);

 private:
  using Listeners = std::map<uint64_t, std::vector<std::string>>;
  const Listeners& ListenersOf(uint64_t network_namespace, uint32_t pid);

  const std::string proc_root_;
  std::map<uint64_t, Listeners> by_namespace_;
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_LISTENING_SOCKETS_H_
