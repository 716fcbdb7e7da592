#ifndef UPROBED_SERVER_RPC_ADMIN_SERVICE_H_
#define UPROBED_SERVER_RPC_ADMIN_SERVICE_H_

#include <functional>
#include <utility>
#include <vector>

#include "server/control/node.h"
#include "server/store/store.h"
#include "uprobed/v1/admin.grpc.pb.h"

namespace uprobed::rpc {

// The daemon about itself.
// Thread-safe.
class AdminService final : public v1::AdminService::Service {
 public:
  AdminService(std::function<control::NodeInfo()> describe_node,
               std::function<std::vector<control::DiagnosticResult>()> diagnose,
               store::Store& store)
      : describe_node_(std::move(describe_node)), diagnose_(std::move(diagnose)), store_(store) {}

  grpc::Status GetNode(grpc::ServerContext* context, const v1::GetNodeRequest* request,
                       v1::Node* response) override;
  grpc::Status RunDiagnostics(grpc::ServerContext* context,
                              const v1::RunDiagnosticsRequest* request,
                              v1::RunDiagnosticsResponse* response) override;
  grpc::Status ListAuditEvents(grpc::ServerContext* context,
                               const v1::ListAuditEventsRequest* request,
                               v1::ListAuditEventsResponse* response) override;

 private:
  const std::function<control::NodeInfo()> describe_node_;
  const std::function<std::vector<control::DiagnosticResult>()> diagnose_;
  store::Store& store_;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_ADMIN_SERVICE_H_
