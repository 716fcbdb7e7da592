#ifndef UPROBED_SERVER_RPC_SERVER_H_
#define UPROBED_SERVER_RPC_SERVER_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/rpc/dependencies.h"

namespace uprobed::rpc {

// Where to listen. At least one of the two addresses is given.
struct ServerOptions {
  std::string unix_socket_path;  // absolute; its directory must exist
  std::string socket_group;      // of the socket file; empty: the process's
  std::string tcp_address;       // "127.0.0.1:4711"; port 0: any. Beyond loopback only with TLS
  std::string tls_certificate_path;
  std::string tls_key_path;
  std::string tls_client_ca_path;  // clients need a certificate of this authority; empty: none

  // Calls that may be open at once (streams of spans and metrics, watches). Each occupies a thread;
  // the server has as many and some more for short calls.
  size_t max_streams = 128;
};

// The gRPC server: the four services of uprobed.v1, grpc.health.v1.Health and reflection.
// Thread-safe.
class Server {
 public:
  // Listens and answers. Health says NOT_SERVING until SetServing(true).
  // INVALID_ARGUMENT LISTENER_MISSING; UNAVAILABLE LISTEN_FAILED (the port is taken, the
  // certificate is none); those of UnixSocket::Listen and MakeTcpListener.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Dependencies& dependencies,
                                                       const ServerOptions& options);
  // As Shutdown without grace.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // What the health service says of all but "liveness". After Shutdown it stays NOT_SERVING.
  void SetServing(bool serving);
  // The port bound; 0 without TCP.
  int tcp_port() const;
  // Health says NOT_SERVING, streams end with UNAVAILABLE SHUTTING_DOWN, running calls may end
  // within `grace` and are cancelled then, connections whose clients read nothing are cut off a
  // little later, and the socket file is removed. Calls after the first have no effect.
  void Shutdown(std::chrono::milliseconds grace);

 private:
  struct Impl;  // keeps gRPC's headers out of everybody else's
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_SERVER_H_
