#include "server/daemon.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "server/base/clock.h"
#include "server/base/errors.h"
#include "server/control/diagnostics.h"
#include "server/instance_lock.h"
#include "server/metrics/to_snapshot.h"

namespace uprobed {
namespace {

constexpr std::chrono::seconds kShutdownGrace(2);
constexpr uint64_t kEventlessPeriodNs = 1'000'000'000;
constexpr char kMetricsOff[] = "off";

probe::BpfObjectOptions MakeBpfOptions(const Config& config) {
  return {.ring_bytes = config.ring_bytes, .allow_uprobe_multi = !config.perf_events};
}

span::TopologyLimits MakeTopologyLimits(const Config& config) {
  return {
      .max_edges = config.topology_max_edges,
      .window_ns =
          std::chrono::nanoseconds(std::chrono::seconds(config.topology_window_seconds)).count()};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Create(const Config& config) {
  ASSIGN_OR_RETURN(UniqueFd lock, LockInstance(config.database_path + ".lock"));
  ASSIGN_OR_RETURN(std::unique_ptr<store::Store> store,
                   store::Store::Open(config.database_path, UnixNanosNow()));
  if (!store->quarantined().empty()) {
    spdlog::error(
        "the database was corrupt and is kept aside; probes must be created again file={}",
        store->quarantined());
  }
  return std::unique_ptr<Daemon>(new Daemon(config, std::move(lock), std::move(store)));
}

Daemon::Daemon(Config config, UniqueFd lock, std::unique_ptr<store::Store> store)
    : config_(std::move(config)),
      start_unix_ns_(UnixNanosNow()),
      lock_(std::move(lock)),
      store_(std::move(store)),
      catalog_(*store_),
      backend_(MakeBpfOptions(config_)),
      edge_metrics_(std::make_shared<metrics::EdgeMetrics>(config_.max_series,
                                                           MakeTopologyLimits(config_).window_ns)),
      topology_(
          MakeTopologyLimits(config_),
          [this](const span::Call& call, int64_t now_ns) { edge_metrics_->Record(call, now_ns); }),
      span_demand_([this](bool wanted) { backend_.SetSpansStreamed(wanted); }),
      http_metrics_(std::make_shared<metrics::HttpMetrics>(
          config_.max_series,
          [edges = edge_metrics_](prometheus::MetricFamily& series,
                                  prometheus::MetricFamily& overflowed) {
            edges->CollectUsage(series, overflowed);
          },
          [this] { eventless_requests_.Collect(); })),
      eventless_requests_(backend_, directory_, *http_metrics_),
      event_loop_(
          backend_, directory_, [this](const span::Span& span) { OnSpan(span); },
          [this](uint64_t now_ns) { OnTick(now_ns); },
          std::chrono::milliseconds(config_.span_delay_ms)),
      controller_(*store_, catalog_, backend_, directory_,
                  {.boot_id = control::ReadBootId("/proc"),
                   .on_service =
                       [this](uint64_t network_namespace, const std::string& authority,
                              const std::string& service) {
                         topology_.SetService(network_namespace, authority, service);
                       }}),
      ledger_(backend_, controller_, event_loop_, hub_),
      self_metrics_(std::make_shared<metrics::SelfMetrics>(MakeMetricsSources())) {}

absl::Status Daemon::Start() {
  if (const absl::Status available = backend_.Available(); available.ok()) {
    RETURN_IF_ERROR(event_loop_.Start());
  } else {
    spdlog::error("{}", MessageOf(available));
  }
  RETURN_IF_ERROR(StartExporter());
  RETURN_IF_ERROR(StartServer());
  RETURN_IF_ERROR(controller_.Start());
  server_->SetServing(true);
  spdlog::info("serving socket={} database={} metrics={} uprobe_multi={}", config_.socket_path,
               config_.database_path, config_.metrics_address, backend_.uprobe_multi());
  return absl::OkStatus();
}

void Daemon::Stop() {
  if (server_) server_->SetServing(false);
  controller_.Stop();
  // What the detached sites left in the ring buffer is delivered before the streams end.
  event_loop_.Stop();
  hub_.Close();
  if (server_) server_->Shutdown(kShutdownGrace);
  exporter_.reset();
}

absl::Status Daemon::StartExporter() {
  if (config_.metrics_address == kMetricsOff) return absl::OkStatus();
  ASSIGN_OR_RETURN(exporter_, metrics::Exporter::Start(config_.metrics_address, AllMetrics()));
  return absl::OkStatus();
}

absl::Status Daemon::StartServer() {
  const rpc::Dependencies dependencies{
      .probes = controller_,
      .profiles = catalog_,
      .store = *store_,
      .spans = hub_,
      .span_demand = span_demand_,
      .topology = topology_,
      .collect_metrics =
          [this] {
            return metrics::ToSnapshot(*http_metrics_, {edge_metrics_, self_metrics_});
          },
      .describe_node = [this] { return control::DescribeNode(MakeNodeSources()); },
      .diagnose = [this] { return control::RunDiagnostics(MakeNodeSources()); },
  };
  const rpc::ServerOptions options{
      .unix_socket_path = config_.socket_path,
      .socket_group = config_.socket_group,
      .tcp_address = config_.tcp_address,
      .tls_certificate_path = config_.tls_certificate,
      .tls_key_path = config_.tls_key,
      .tls_client_ca_path = config_.tls_client_ca,
  };
  ASSIGN_OR_RETURN(server_, rpc::Server::Start(dependencies, options));
  return absl::OkStatus();
}

std::vector<std::shared_ptr<prometheus::Collectable>> Daemon::AllMetrics() const {
  return {http_metrics_, edge_metrics_, self_metrics_};
}

void Daemon::OnSpan(const span::Span& span) {
  http_metrics_->Record(span);
  topology_.Add(span, static_cast<int64_t>(MonotonicNanosNow()));
  hub_.Publish(span);
}

void Daemon::OnTick(uint64_t now_ns) {
  ledger_.CountDrain();
  hub_.Flush();
  topology_.Advance(static_cast<int64_t>(now_ns));
  edge_metrics_->Advance(static_cast<int64_t>(now_ns));
  // Before the slots and processes that they are of can be others.
  if (now_ns - eventless_read_ns_ < kEventlessPeriodNs) return;
  eventless_read_ns_ = now_ns;
  eventless_requests_.Collect();
}

control::NodeSources Daemon::MakeNodeSources() const {
  return {.backend = backend_,
          .store = *store_,
          .controller = controller_,
          .libbpf_version = probe::LibbpfBackend::LibbpfVersion(),
          .sqlite_version = store::Store::SqliteVersion(),
          .start_time_unix_ns = start_unix_ns_};
}

metrics::SelfMetricsSources Daemon::MakeMetricsSources() {
  return {.version = UPROBED_VERSION,
          .start_unix_ns = start_unix_ns_,
          .probes = [this] { return controller_.List("", SIZE_MAX); },
          .hub = [this] { return hub_.stats(); },
          .store = [this] { return store_->stats(); },
          .topology = [this] { return topology_.stats(); },
          .event_loop = [this] { return event_loop_.stats(); },
          .ledger = [this] { return ledger_.Read(MonotonicNanosNow()); },
          .requests_in_flight = [this] { return backend_.InFlight(); },
          .contexts_in_flight = [this] { return backend_.ContextsInFlight(); },
          .routes_in_flight = [this] { return backend_.RoutesInFlight(); },
          .connections_in_flight = [this] { return backend_.ConnectionsInFlight(); },
          .headers_in_flight = [this] { return backend_.HeadersInFlight(); },
          .handoffs_in_flight = [this] { return backend_.HandoffsInFlight(); }};
}

}  // namespace uprobed
