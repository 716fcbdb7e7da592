#ifndef UPROBED_CLIENT_RENDER_TOPOLOGY_H_
#define UPROBED_CLIENT_RENDER_TOPOLOGY_H_

#include <chrono>
#include <string>

#include "client/terminal.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

// One row for each edge.
void PrintTopology(Terminal& terminal, const v1::Topology& topology,
                   std::chrono::system_clock::time_point now);

// The topology as a Graphviz digraph: a cluster for each service, a node for each function.
std::string TopologyAsDot(const v1::Topology& topology);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_RENDER_TOPOLOGY_H_
