#ifndef UPROBED_SERVER_RPC_PROBE_SERVICE_H_
#define UPROBED_SERVER_RPC_PROBE_SERVICE_H_

#include "absl/status/status.h"
#include "server/control/probe_controller.h"
#include "server/rpc/audit.h"
#include "server/rpc/open_streams.h"
#include "uprobed/v1/probe.grpc.pb.h"

namespace uprobed::rpc {

// Checks and translates; what a probe is and does is control::ProbeController's.
// Thread-safe.
class ProbeService final : public v1::ProbeService::Service {
 public:
  ProbeService(control::ProbeController& probes, Auditor& auditor, OpenStreams& streams)
      : probes_(probes), auditor_(auditor), streams_(streams) {}

  grpc::Status CreateProbe(grpc::ServerContext* context, const v1::CreateProbeRequest* request,
                           v1::Probe* response) override;
  grpc::Status GetProbe(grpc::ServerContext* context, const v1::GetProbeRequest* request,
                        v1::Probe* response) override;
  grpc::Status ListProbes(grpc::ServerContext* context, const v1::ListProbesRequest* request,
                          v1::ListProbesResponse* response) override;
  grpc::Status UpdateProbe(grpc::ServerContext* context, const v1::UpdateProbeRequest* request,
                           v1::Probe* response) override;
  grpc::Status DeleteProbe(grpc::ServerContext* context, const v1::DeleteProbeRequest* request,
                           google::protobuf::Empty* response) override;
  grpc::Status WatchProbes(grpc::ServerContext* context, const v1::WatchProbesRequest* request,
                           grpc::ServerWriter<v1::WatchProbesResponse>* writer) override;

 private:
  absl::Status Create(const v1::CreateProbeRequest& request, v1::Probe& response);
  absl::Status List(const v1::ListProbesRequest& request, v1::ListProbesResponse& response);
  absl::Status Update(const v1::UpdateProbeRequest& request, v1::Probe& response);
  absl::Status Watch(const grpc::ServerContext& context, const v1::WatchProbesRequest& request,
                     grpc::ServerWriter<v1::WatchProbesResponse>& writer);

  control::ProbeController& probes_;
  Auditor& auditor_;
  OpenStreams& streams_;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_PROBE_SERVICE_H_
