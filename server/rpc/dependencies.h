#ifndef UPROBED_SERVER_RPC_DEPENDENCIES_H_
#define UPROBED_SERVER_RPC_DEPENDENCIES_H_

#include <functional>
#include <vector>

#include "server/control/node.h"
#include "server/control/probe_controller.h"
#include "server/control/profile_catalog.h"
#include "server/metrics/snapshot.h"
#include "server/span/topology.h"
#include "server/store/store.h"
#include "server/stream/span_demand.h"
#include "server/stream/span_hub.h"

namespace uprobed::rpc {

// What the services translate to. All outlive the server; all are thread-safe.
struct Dependencies {
  control::ProbeController& probes;
  control::ProfileCatalog& profiles;
  store::Store& store;  // audit only
  stream::SpanHub& spans;
  stream::SpanDemand& span_demand;
  span::Topology& topology;
  metrics::Collector collect_metrics;
  std::function<control::NodeInfo()> describe_node;
  std::function<std::vector<control::DiagnosticResult>()> diagnose;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_DEPENDENCIES_H_
