#include "server/metrics/service_graph.h"

#include <string>
#include <utility>

#include "server/metrics/families.h"

namespace uprobed::metrics {
namespace {

constexpr const char* kTotal = "traces_service_graph_request_total";
constexpr const char* kFailed = "traces_service_graph_request_failed_total";
constexpr const char* kClient = "traces_service_graph_request_client_seconds";
constexpr const char* kServer = "traces_service_graph_request_server_seconds";

double Seconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

}  // namespace

ServiceGraph::ServiceGraph(size_t max_series, int64_t window_ns)
    : connections_({"client", "server", "connection_type"}, max_series, window_ns) {}

void ServiceGraph::Record(const span::Call& call, int64_t now_ns) {
  if (call.key.callee.text() == span::kNobody) return;  // no request from one service to another
  const bool from_outside = call.key.caller.text() == span::kOutside;
  const bool one_end_unseen = from_outside || call.unresolved_in.has_value();
  Connection& connection =
      connections_.Of({.client = from_outside ? user_ : call.key.caller,
                       .server = call.key.callee,
                       .connection_type = one_end_unseen ? virtual_node_ : span::Name()},
                      now_ns);
  ++connection.requests;
  if (call.is_error || call.served_is_error) ++connection.failed;
  if (!from_outside) connection.client.Observe(Seconds(call.latency_ns));
  if (call.served_latency_ns.has_value()) {
    connection.server.Observe(Seconds(*call.served_latency_ns));
  }
}

void ServiceGraph::Collect(std::vector<prometheus::MetricFamily>& families) const {
  prometheus::MetricFamily total =
      MakeCounter(kTotal, "Requests from one service to another, for Grafana's service graph.");
  prometheus::MetricFamily failed = MakeCounter(kFailed, "Those of them that failed.");
  prometheus::MetricFamily client{kClient,
                                  "Duration of those requests in seconds, as the client saw it.",
                                  prometheus::MetricType::Histogram,
                                  {}};
  prometheus::MetricFamily server{kServer,
                                  "Duration of those requests in seconds, as the server saw it.",
                                  prometheus::MetricType::Histogram,
                                  {}};
  connections_.Visit([&](const Labels& labels, const Connection& connection) {
    AddMetric(total, static_cast<double>(connection.requests), labels);
    AddMetric(failed, static_cast<double>(connection.failed), labels);
    if (connection.client.count() > 0) AddHistogram(client, connection.client.Collect(), labels);
    if (connection.server.count() > 0) AddHistogram(server, connection.server.Collect(), labels);
  });
  for (prometheus::MetricFamily* family : {&total, &failed, &client, &server}) {
    families.push_back(std::move(*family));
  }
}

void ServiceGraph::CollectUsage(prometheus::MetricFamily& series,
                                prometheus::MetricFamily& overflowed) const {
  for (const char* family : {kTotal, kFailed, kClient, kServer}) {
    AddMetric(series, static_cast<double>(connections_.size()), {{"family", family}});
    AddMetric(overflowed, static_cast<double>(connections_.overflowed()), {{"family", family}});
  }
}

}  // namespace uprobed::metrics
