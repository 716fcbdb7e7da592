#include "server/rpc/tcp_listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <grpcpp/security/server_credentials.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "server/base/errors.h"

namespace uprobed::rpc {
namespace {

constexpr std::string_view kLocalhost = "localhost";
constexpr size_t kMaxHostLength = 253;

struct HostAndPort {
  std::string host;  // without brackets
  uint16_t port = 0;
};

absl::Status AddressInvalid(const std::string& address) {
  return MakeError(absl::StatusCode::kInvalidArgument, "TCP_ADDRESS_INVALID",
                   fmt::format("\"{}\" is no TCP address: give host:port, such as 127.0.0.1:4711 "
                               "or [::1]:4711",
                               address),
                   {{"address", address}});
}

// Strict, because gRPC takes much more: "unix:/path" and "dns:name" among others.
absl::StatusOr<HostAndPort> Parse(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return AddressInvalid(address);
  HostAndPort result{.host = address.substr(0, colon)};
  const char* const end = address.data() + address.size();
  const auto parsed = std::from_chars(address.data() + colon + 1, end, result.port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return AddressInvalid(address);
  if (result.host.starts_with('[') && result.host.ends_with(']')) {
    result.host = result.host.substr(1, result.host.size() - 2);
    in6_addr ignored{};
    if (::inet_pton(AF_INET6, result.host.c_str(), &ignored) != 1) return AddressInvalid(address);
    return result;
  }
  const bool is_name = std::all_of(result.host.begin(), result.host.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-';
  });
  if (!is_name || result.host.empty() || result.host.size() > kMaxHostLength) {
    return AddressInvalid(address);
  }
  return result;
}

// A name may resolve to any address, so only numbers are known to be loopback.
bool IsLoopback(const std::string& host) {
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  // Fails where nothing could be read, for whatever reason.
  if (!file.is_open() || !(content << file.rdbuf())) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "TLS_FILE_UNREADABLE",
        fmt::format("{} is empty or cannot be read: check the path and its mode", path),
        {{"path", path}});
  }
  return content.str();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeTls(const ServerOptions& options) {
  if (options.tls_certificate_path.empty() || options.tls_key_path.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "TLS_INCOMPLETE",
                     "TLS needs a certificate and its key: give both");
  }
  grpc::SslServerCredentialsOptions tls(
      options.tls_client_ca_path.empty()
          ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
          : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  ASSIGN_OR_RETURN(std::string certificate, ReadFile(options.tls_certificate_path));
  ASSIGN_OR_RETURN(std::string key, ReadFile(options.tls_key_path));
  tls.pem_key_cert_pairs.push_back({std::move(key), std::move(certificate)});
  if (!options.tls_client_ca_path.empty()) {
    ASSIGN_OR_RETURN(tls.pem_root_certs, ReadFile(options.tls_client_ca_path));
  }
  return grpc::SslServerCredentials(tls);
}

}  // namespace

absl::StatusOr<TcpListener> MakeTcpListener(const ServerOptions& options) {
  ASSIGN_OR_RETURN(HostAndPort target, Parse(options.tcp_address));
  if (target.host == kLocalhost) target.host = "127.0.0.1";
  TcpListener listener;
  listener.address = target.host.find(':') == std::string::npos
                         ? fmt::format("{}:{}", target.host, target.port)
                         : fmt::format("[{}]:{}", target.host, target.port);
  const bool with_tls = !options.tls_certificate_path.empty() || !options.tls_key_path.empty() ||
                        !options.tls_client_ca_path.empty();
  if (with_tls) {
    ASSIGN_OR_RETURN(listener.credentials, MakeTls(options));
    return listener;
  }
  if (!IsLoopback(target.host)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "TCP_REQUIRES_TLS",
                     fmt::format("{} can be reached by others: give a TLS certificate and key, or "
                                 "listen on 127.0.0.1",
                                 options.tcp_address),
                     {{"address", options.tcp_address}});
  }
  listener.credentials = grpc::InsecureServerCredentials();
  return listener;
}

}  // namespace uprobed::rpc
