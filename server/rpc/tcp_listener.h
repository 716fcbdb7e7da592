#ifndef UPROBED_SERVER_RPC_TCP_LISTENER_H_
#define UPROBED_SERVER_RPC_TCP_LISTENER_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/rpc/server.h"

namespace uprobed::rpc {

// Where and how to listen on TCP.
struct TcpListener {
  std::string address;  // as gRPC takes it: "127.0.0.1:0", "[::1]:4711"
  std::shared_ptr<grpc::ServerCredentials> credentials;
};

// Checks the TCP and TLS part of `options`, of which tcp_address is not empty, and reads the files.
// INVALID_ARGUMENT TCP_ADDRESS_INVALID, TCP_REQUIRES_TLS (on an address that others can reach),
// TLS_INCOMPLETE; FAILED_PRECONDITION TLS_FILE_UNREADABLE.
absl::StatusOr<TcpListener> MakeTcpListener(const ServerOptions& options);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_TCP_LISTENER_H_
