#ifndef UPROBED_SERVER_RPC_AUDIT_H_
#define UPROBED_SERVER_RPC_AUDIT_H_

#include <grpcpp/server_context.h>

#include <string>

#include "absl/status/status.h"
#include "server/store/store.h"

namespace uprobed::rpc {

// Writes one row for each call that changes something, whatever its outcome. A row that cannot be
// written does not undo the call: it is logged as an error.
// Thread-safe.
class Auditor {
 public:
  explicit Auditor(store::Store& store) : store_(store) {}

  // `method` is "uprobed.v1.ProbeService/CreateProbe", `resource` what the call was about, as far
  // as the request told it.
  void Record(const grpc::ServerContext& context, const std::string& method,
              const std::string& resource, const absl::Status& outcome);

 private:
  store::Store& store_;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_AUDIT_H_
