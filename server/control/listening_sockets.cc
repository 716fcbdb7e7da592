#include "server/control/listening_sockets.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>

#include "server/control/proc_file.h"
#include "server/control/socket_diag.h"

namespace uprobed::control {
namespace {

// Columns of /proc/net/tcp (Linux: net/ipv4/tcp_ipv4.c, get_tcp4_sock; tcp6 has the same).
constexpr size_t kLocalAddressColumn = 1;
constexpr size_t kStateColumn = 3;
constexpr size_t kInodeColumn = 9;
constexpr std::string_view kListenState = "0A";
constexpr size_t kMaxTableBytes = 64 << 20;

template <typename T>
std::optional<T> Parse(std::string_view text, int base) {
  T value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value, base);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

std::string_view TakeColumn(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view column = line.substr(0, line.find(' '));
  line.remove_prefix(column.size());
  return column;
}

// The kernel prints an address as 32-bit words of host order ("0100007F" is 127.0.0.1 on a
// little-endian machine), so that copying the words gives network order back.
template <size_t kWords>
std::optional<std::array<uint32_t, kWords>> ParseWords(std::string_view text) {
  constexpr size_t kDigits = 8;
  if (text.size() != kWords * kDigits) return std::nullopt;
  std::array<uint32_t, kWords> words{};
  for (size_t i = 0; i < kWords; ++i) {
    const auto word = Parse<uint32_t>(text.substr(i * kDigits, kDigits), 16);
    if (!word.has_value()) return std::nullopt;
    words[i] = *word;
  }
  return words;
}

std::vector<std::string> Ipv4Authorities(in_addr address, uint16_t port) {
  if (address.s_addr == htonl(INADDR_ANY) || address.s_addr == htonl(INADDR_LOOPBACK)) {
    return {fmt::format("127.0.0.1:{}", port), fmt::format("localhost:{}", port)};
  }
  char text[INET_ADDRSTRLEN];
  if (inet_ntop(AF_INET, &address, text, sizeof(text)) == nullptr) return {};
  return {fmt::format("{}:{}", text, port)};
}

std::vector<std::string> Ipv6Authorities(const in6_addr& address, uint16_t port) {
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    in_addr mapped{};
    std::memcpy(&mapped, &address.s6_addr[12], sizeof(mapped));
    return Ipv4Authorities(mapped, port);
  }
  std::vector<std::string> authorities;
  // A wildcard socket takes IPv4 too unless told otherwise (ipv6(7), IPV6_V6ONLY); Go's net.Listen
  // on ":8080" makes such a one.
  const bool any = IN6_IS_ADDR_UNSPECIFIED(&address);
  if (any) authorities.push_back(fmt::format("127.0.0.1:{}", port));
  if (any || IN6_IS_ADDR_LOOPBACK(&address)) {
    authorities.push_back(fmt::format("[::1]:{}", port));
    authorities.push_back(fmt::format("localhost:{}", port));
    return authorities;
  }
  char text[INET6_ADDRSTRLEN];
  if (inet_ntop(AF_INET6, &address, text, sizeof(text)) == nullptr) return {};
  return {fmt::format("[{}]:{}", text, port)};
}

std::vector<std::string> Authorities(std::string_view local_address) {
  const size_t colon = local_address.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view host = local_address.substr(0, colon);
  const auto port = Parse<uint16_t>(local_address.substr(colon + 1), 16);
  if (!port.has_value()) return {};
  if (const auto ipv4 = ParseWords<1>(host); ipv4.has_value()) {
    return Ipv4Authorities({.s_addr = (*ipv4)[0]}, *port);
  }
  if (const auto ipv6 = ParseWords<4>(host); ipv6.has_value()) {
    in6_addr address{};
    std::memcpy(&address, ipv6->data(), sizeof(address));
    return Ipv6Authorities(address, *port);
  }
  return {};
}

std::string_view StateOf(std::string_view line) {
  std::string_view column;
  for (size_t i = 0; i <= kStateColumn; ++i) column = TakeColumn(line);
  return column;
}

// Of the daemon's own network namespace; nullopt where the kernel cannot be asked so.
std::optional<std::map<uint64_t, std::vector<std::string>>> AskForListeners() {
  const auto sockets = DumpListeningSockets();
  if (!sockets.has_value()) return std::nullopt;
  std::map<uint64_t, std::vector<std::string>> listeners;
  for (const ListeningSocket& socket : *sockets) {
    in_addr ipv4{};
    std::memcpy(&ipv4, &socket.address, sizeof(ipv4));
    listeners[socket.inode] = socket.family == AF_INET
                                  ? Ipv4Authorities(ipv4, socket.port)
                                  : Ipv6Authorities(socket.address, socket.port);
  }
  return listeners;
}

bool IsOwnNamespace(uint64_t network_namespace) {
  struct stat own {};
  return stat("/proc/self/ns/net", &own) == 0 && own.st_ino == network_namespace;
}

// The lines of sockets that listen. The kernel lists them before all others (net/ipv4/tcp_ipv4.c,
// tcp_get_idx), of which a busy machine has very many.
std::string ReadListening(const std::string& path) {
  std::ifstream table(path);
  std::string line;
  std::getline(table, line);  // the names of the columns
  std::string listening;
  while (listening.size() < kMaxTableBytes && std::getline(table, line) &&
         StateOf(line) == kListenState) {
    listening += line;
    listening += '\n';
  }
  return listening;
}

// Inodes of the sockets that a process has open: links "socket:[4711]".
std::vector<uint64_t> SocketInodes(const std::string& proc_root, uint32_t pid) {
  constexpr std::string_view kPrefix = "socket:[";
  std::vector<uint64_t> inodes;
  std::error_code error;
  std::filesystem::directory_iterator entry(ProcPath(proc_root, pid, "fd"), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::optional<std::string> link = ReadLink(entry->path().string());
    if (!link.has_value() || !link->starts_with(kPrefix) || link->back() != ']') continue;
    const std::string_view digits =
        std::string_view(*link).substr(kPrefix.size(), link->size() - kPrefix.size() - 1);
    if (const auto inode = Parse<uint64_t>(digits, 10); inode.has_value()) inodes.push_back(*inode);
  }
  return inodes;
}

}  // namespace

std::map<uint64_t, std::vector<std::string>> ParseListeners(std::string_view table) {
  std::map<uint64_t, std::vector<std::string>> listeners;
  while (!table.empty()) {
    std::string_view line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(line.size() + 1, table.size()));
    std::array<std::string_view, kInodeColumn + 1> columns;
    for (std::string_view& column : columns) column = TakeColumn(line);
    if (columns[kStateColumn] != kListenState) continue;
    const auto inode = Parse<uint64_t>(columns[kInodeColumn], 10);
    std::vector<std::string> authorities = Authorities(columns[kLocalAddressColumn]);
    if (inode.has_value() && !authorities.empty()) listeners[*inode] = std::move(authorities);
  }
  return listeners;
}

const ListeningSockets::Listeners& ListeningSockets::ListenersOf(uint64_t network_namespace,
                                                                 uint32_t pid) {
  const auto [found, is_new] = by_namespace_.try_emplace(network_namespace);
  if (!is_new) return found->second;
  auto asked = IsOwnNamespace(network_namespace) ? AskForListeners() : std::nullopt;
  if (asked.has_value()) {
    found->second = *std::move(asked);
  } else {
    for (const std::string_view name : {"net/tcp", "net/tcp6"}) {
      found->second.merge(ParseListeners(ReadListening(ProcPath(proc_root_, pid, name))));
    }
  }
  return found->second;
}

std::vector<ListeningAddress> ListeningSockets::Of(uint32_t pid) {
  struct stat status {};
  if (stat(ProcPath(proc_root_, pid, "ns/net").c_str(), &status) != 0) return {};
  const Listeners& listeners = ListenersOf(status.st_ino, pid);
  std::vector<ListeningAddress> addresses;
  if (listeners.empty()) return addresses;
  for (const uint64_t inode : SocketInodes(proc_root_, pid)) {
    const auto found = listeners.find(inode);
    if (found == listeners.end()) continue;
    for (const std::string& authority : found->second) {
      addresses.push_back({.network_namespace = status.st_ino, .authority = authority});
    }
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

}  // namespace uprobed::control
