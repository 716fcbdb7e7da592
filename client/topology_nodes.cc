#include "client/topology_nodes.h"

#include "client/format.h"
#include "fmt/format.h"

namespace uprobed::client {

TopologyNode CallerOf(const v1::Topology::Edge& edge) {
  return {edge.caller(), edge.caller_function()};
}

TopologyNode CalleeOf(const v1::Topology::Edge& edge) {
  return {edge.callee(), edge.callee_function()};
}

bool CallsNobody(const v1::Topology::Edge& edge) { return edge.callee() == kNobody; }

NodeNumbers NumberNodes(const v1::Topology& topology) {
  NodeNumbers numbers;
  for (const v1::Topology::Edge& edge : topology.edges()) {
    numbers.emplace(CallerOf(edge), 0);
    if (!CallsNobody(edge)) numbers.emplace(CalleeOf(edge), 0);
  }
  size_t next = 0;
  for (auto& [node, number] : numbers) number = next++;
  return numbers;
}

std::map<std::string, std::vector<std::pair<std::string, size_t>>> NodesByService(
    const NodeNumbers& numbers) {
  std::map<std::string, std::vector<std::pair<std::string, size_t>>> services;
  for (const auto& [node, number] : numbers) {
    services[node.first].emplace_back(node.second, number);
  }
  return services;
}

std::string DescribeCalls(const v1::Topology::Edge& edge) {
  return fmt::format("{} call{}, {} error{}, {}", edge.count(), edge.count() == 1 ? "" : "s",
                     edge.errors(), edge.errors() == 1 ? "" : "s",
                     FormatDuration(edge.latency_average()));
}

}  // namespace uprobed::client
