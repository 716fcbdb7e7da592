#ifndef UPROBED_SERVER_RPC_STATUS_H_
#define UPROBED_SERVER_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace uprobed::rpc {

inline constexpr char kErrorDomain[] = "uprobed.v1";

// The wire form of an error: its details are a google.rpc.Status with ErrorInfo (reason, domain,
// metadata), BadRequest where the metadata names a "field", and ResourceInfo where the reason ends
// in _NOT_FOUND or _EXISTS. UNKNOWN never leaves: it becomes INTERNAL. Texts are cut so that the
// error fits into the 8 KiB that a gRPC peer accepts as metadata.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Runs the body of a call. An exception (out of memory, a library's) becomes INTERNAL and is
// logged.
grpc::Status Answer(const std::function<absl::Status()>& body);
// As Answer, without the translation.
absl::Status CatchExceptions(const std::function<absl::Status()>& body);

// INVALID_ARGUMENT about one field of the request: "probe.spec.pid".
absl::Status FieldError(std::string_view reason, std::string_view field, std::string_view message);

// UNAVAILABLE SHUTTING_DOWN.
absl::Status ShuttingDown();

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_STATUS_H_
