#ifndef UPROBED_CLIENT_RENDER_TOPOLOGY_H_
#define UPROBED_CLIENT_RENDER_TOPOLOGY_H_

#include <chrono>
#include <string>

#include "client/terminal.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

// One row for each edge.
void PrintTopologyTable(Terminal& terminal, const v1::Topology& topology,
                        std::chrono::system_clock::time_point now);

// Callers with their callees below them, from those that nobody calls. What a function calls is
// shown once.
void PrintTopologyTree(Terminal& terminal, const v1::Topology& topology);

// The topology as a Graphviz digraph: a cluster for each service, a node for each function.
std::string TopologyAsDot(const v1::Topology& topology);

// The same as a Mermaid flowchart.
std::string TopologyAsMermaid(const v1::Topology& topology);

// One line for each change: "+" added, "~" changed, "-" removed.
void PrintTopologyChanges(Terminal& terminal, const v1::WatchTopologyResponse& response);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_RENDER_TOPOLOGY_H_
