#ifndef UPROBED_SERVER_RPC_TELEMETRY_SERVICE_H_
#define UPROBED_SERVER_RPC_TELEMETRY_SERVICE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "server/metrics/snapshot.h"
#include "server/rpc/open_streams.h"
#include "server/rpc/span_stream.h"
#include "server/rpc/span_streams.h"
#include "server/span/topology.h"
#include "server/stream/span_demand.h"
#include "server/stream/span_hub.h"
#include "uprobed/v1/telemetry.grpc.pb.h"

namespace uprobed::rpc {

// Streams of spans and metrics, and the topology.
// Thread-safe.
class TelemetryService final : public v1::TelemetryService::WithRawCallbackMethod_StreamSpans<
                                   v1::TelemetryService::Service> {
 public:
  TelemetryService(stream::SpanHub& spans, stream::SpanDemand& span_demand,
                   span::Topology& topology, metrics::Collector collector, OpenStreams& streams)
      : spans_(spans),
        span_demand_(span_demand),
        topology_(topology),
        collect_metrics_(std::move(collector)),
        streams_(streams) {}

  // Ends the streams of spans; the others end by `streams`.
  void Stop() { span_streams_.Stop(); }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* StreamSpans(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request) override;
  grpc::Status StreamMetrics(grpc::ServerContext* context, const v1::StreamMetricsRequest* request,
                             grpc::ServerWriter<v1::StreamMetricsResponse>* writer) override;
  grpc::Status GetTopology(grpc::ServerContext* context, const v1::GetTopologyRequest* request,
                           v1::Topology* response) override;
  grpc::Status WatchTopology(grpc::ServerContext* context, const v1::WatchTopologyRequest* request,
                             grpc::ServerWriter<v1::WatchTopologyResponse>* writer) override;

 private:
  absl::StatusOr<std::shared_ptr<SpanStream>> OpenSpanStream(const v1::StreamSpansRequest& request);
  absl::Status Metrics(const grpc::ServerContext& context, const v1::StreamMetricsRequest& request,
                       grpc::ServerWriter<v1::StreamMetricsResponse>& writer);
  absl::Status Changes(const grpc::ServerContext& context, const v1::WatchTopologyRequest& request,
                       grpc::ServerWriter<v1::WatchTopologyResponse>& writer);
  v1::StreamMetricsResponse CollectMetrics(const std::string& name_prefix) const;

  stream::SpanHub& spans_;
  stream::SpanDemand& span_demand_;
  span::Topology& topology_;
  const metrics::Collector collect_metrics_;
  OpenStreams& streams_;
  SpanStreams span_streams_;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_TELEMETRY_SERVICE_H_
