#ifndef UPROBED_CLIENT_TOPOLOGY_NODES_H_
#define UPROBED_CLIENT_TOPOLOGY_NODES_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

// What the daemon names as callee where a request called nobody.
inline constexpr std::string_view kNobody = "none";

// A service and a function of it.
using TopologyNode = std::pair<std::string, std::string>;

TopologyNode CallerOf(const v1::Topology::Edge& edge);
TopologyNode CalleeOf(const v1::Topology::Edge& edge);
bool CallsNobody(const v1::Topology::Edge& edge);

// Each node gets a number, by which drawings name it: no name from outside can make two of them
// one.
using NodeNumbers = std::map<TopologyNode, size_t>;
NodeNumbers NumberNodes(const v1::Topology& topology);
// The functions of each service, with their numbers.
std::map<std::string, std::vector<std::pair<std::string, size_t>>> NodesByService(
    const NodeNumbers& numbers);

// "10 calls, 1 error, 2.00ms"
std::string DescribeCalls(const v1::Topology::Edge& edge);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_TOPOLOGY_NODES_H_
