#ifndef UPROBED_SERVER_RPC_STATUS_GUARD_H_
#define UPROBED_SERVER_RPC_STATUS_GUARD_H_

#include <grpcpp/support/server_interceptor.h>

#include <memory>

namespace uprobed::rpc {

// The last look at each status before it leaves: one that the gRPC library made itself (a request
// that is no valid message, no thread left) has no ErrorInfo and is given one here, and UNKNOWN
// becomes INTERNAL whoever made it.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeStatusGuardFactory();

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_STATUS_GUARD_H_
