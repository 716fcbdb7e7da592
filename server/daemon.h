#ifndef UPROBED_SERVER_DAEMON_H_
#define UPROBED_SERVER_DAEMON_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"
#include "server/config.h"
#include "server/control/event_directory.h"
#include "server/control/node_info.h"
#include "server/control/probe_controller.h"
#include "server/control/profile_catalog.h"
#include "server/event_loop.h"
#include "server/eventless_requests.h"
#include "server/ledger_reader.h"
#include "server/metrics/edge_metrics.h"
#include "server/metrics/exporter.h"
#include "server/metrics/http_metrics.h"
#include "server/metrics/self_metrics.h"
#include "server/probe/libbpf_backend.h"
#include "server/rpc/server.h"
#include "server/rpc/span_encoders.h"
#include "server/span/topology.h"
#include "server/store/store.h"
#include "server/stream/span_demand.h"
#include "server/stream/span_hub.h"

namespace uprobed {

// Owns every object and thread of the process and knows the order in which they start and stop.
// Thread: the main thread's only.
class Daemon {
 public:
  // Opens the store and loads the BPF programs. Where the kernel does not let them be loaded, that
  // is logged and the daemon serves profiles and diagnostics all the same.
  static absl::StatusOr<std::unique_ptr<Daemon>> Create(const Config& config);
  ~Daemon() { Stop(); }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Listens (health: NOT_SERVING), reconciles what is stored, then says SERVING.
  absl::Status Start();
  // Detaches everything, delivers the last spans, ends the streams. May be called twice.
  void Stop();

 private:
  Daemon(Config config, UniqueFd lock, std::unique_ptr<store::Store> store);
  absl::Status StartServer();
  absl::Status StartExporter();
  std::vector<std::shared_ptr<prometheus::Collectable>> AllMetrics() const;
  void OnSpan(const span::Span& span);
  void OnTick(uint64_t now_ns);
  control::NodeSources MakeNodeSources() const;
  metrics::SelfMetricsSources MakeMetricsSources();

  const Config config_;
  const int64_t start_unix_ns_;
  const UniqueFd lock_;

  // In the order of their dependencies: each refers to earlier ones only.
  const std::unique_ptr<store::Store> store_;
  control::ProfileCatalog catalog_;
  probe::LibbpfBackend backend_;
  control::EventDirectory directory_;
  const std::shared_ptr<metrics::EdgeMetrics> edge_metrics_;
  span::Topology topology_;
  stream::SpanHub hub_{rpc::SpanEncoders()};
  stream::SpanDemand span_demand_;
  const std::shared_ptr<metrics::HttpMetrics> http_metrics_;
  EventlessRequests eventless_requests_;
  uint64_t eventless_read_ns_ = 0;  // of the event loop's thread
  EventLoop event_loop_;
  control::ProbeController controller_;
  LedgerReader ledger_;
  const std::shared_ptr<metrics::SelfMetrics> self_metrics_;
  std::unique_ptr<metrics::Exporter> exporter_;
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace uprobed

#endif  // UPROBED_SERVER_DAEMON_H_
