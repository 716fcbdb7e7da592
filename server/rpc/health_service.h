#ifndef UPROBED_SERVER_RPC_HEALTH_SERVICE_H_
#define UPROBED_SERVER_RPC_HEALTH_SERVICE_H_

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/rpc/health_state.h"
#include "server/rpc/open_streams.h"

namespace uprobed::rpc {

// The standard health service. The one that comes with gRPC says SERVING before anything is served
// and cannot be told otherwise before the port is open, so this is one of ours.
// Thread-safe.
class HealthService final : public grpc::health::v1::Health::Service {
 public:
  HealthService(const HealthState& state, OpenStreams& streams)
      : state_(state), streams_(streams) {}

  grpc::Status Check(grpc::ServerContext* context,
                     const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override;
  grpc::Status Watch(grpc::ServerContext* context,
                     const grpc::health::v1::HealthCheckRequest* request,
                     grpc::ServerWriter<grpc::health::v1::HealthCheckResponse>* writer) override;

 private:
  const HealthState& state_;
  OpenStreams& streams_;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_HEALTH_SERVICE_H_
