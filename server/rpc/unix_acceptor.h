#ifndef UPROBED_SERVER_RPC_UNIX_ACCEPTOR_H_
#define UPROBED_SERVER_RPC_UNIX_ACCEPTOR_H_

#include <grpcpp/server_builder.h>

#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"
#include "server/rpc/unix_socket.h"

namespace uprobed::rpc {

// Accepts the connections of a unix socket on a thread of its own and hands them to the gRPC
// server, because a socket that gRPC binds itself has the mode that the umask gives. Thread: the
// owner's.
class UnixAcceptor {
 public:
  // `server` must have been made by the builder of a server that runs by now.
  // RESOURCE_EXHAUSTED or INTERNAL ACCEPTOR_FAILED.
  static absl::StatusOr<std::unique_ptr<UnixAcceptor>> Start(
      UnixSocket socket, std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server);
  ~UnixAcceptor();

  // No connection is accepted any more; the socket file stays until the destructor.
  void Stop();

 private:
  UnixAcceptor(UnixSocket socket, UniqueFd stop_event,
               std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server);
  void Run();
  void AcceptAll();

  UnixSocket socket_;
  const UniqueFd stop_event_;
  const std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server_;
  std::jthread thread_;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_UNIX_ACCEPTOR_H_
