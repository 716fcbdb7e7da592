#ifndef UPROBED_SERVER_METRICS_SERVICE_GRAPH_H_
#define UPROBED_SERVER_METRICS_SERVICE_GRAPH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "prometheus/metric_family.h"
#include "server/metrics/bounded_series.h"
#include "server/metrics/duration_bounds.h"
#include "server/metrics/histogram.h"
#include "server/span/edge.h"

namespace uprobed::metrics {

// Requests from service to service under the names that Grafana's service graph reads, which are
// those of Tempo's metrics-generator: traces_service_graph_request_total, ..._failed_total,
// ..._client_seconds and ..._server_seconds with the labels client, server and connection_type.
// As there, who is outside is the client "user", and a connection_type "virtual_node" says that one
// end was not seen, while between two services it is empty. A duration is told of the ends that
// were seen only. Thread: the owner's only.
class ServiceGraph {
 public:
  ServiceGraph(size_t max_series, int64_t window_ns);

  void Record(const span::Call& call, int64_t now_ns);
  void Expire(int64_t now_ns) { connections_.Expire(now_ns); }
  // Appends the four families.
  void Collect(std::vector<prometheus::MetricFamily>& families) const;
  void CollectUsage(prometheus::MetricFamily& series, prometheus::MetricFamily& overflowed) const;

 private:
  struct Connection {
    uint64_t requests = 0;
    uint64_t failed = 0;
    Histogram client{kDurationBounds};
    Histogram server{kDurationBounds};
  };

  struct Ends {
    span::Name client;
    span::Name server;
    span::Name connection_type;

    std::array<std::string_view, 3> values() const { return {client, server, connection_type}; }
    bool operator==(const Ends&) const = default;
    template <typename Hash>
    friend Hash AbslHashValue(Hash state, const Ends& ends) {
      return Hash::combine(std::move(state), ends.client, ends.server, ends.connection_type);
    }
  };

  const span::Name user_{"user"};
  const span::Name virtual_node_{"virtual_node"};
  BoundedSeries<Ends, Connection> connections_;
};

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_SERVICE_GRAPH_H_
