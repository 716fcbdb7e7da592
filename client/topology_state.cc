#include "client/topology_state.h"

namespace uprobed::client {

bool TopologyState::Apply(const v1::WatchTopologyResponse& response) {
  if (response.snapshot()) edges_.clear();
  for (const v1::Topology::Edge& edge : response.removed()) {
    edges_.erase({CallerOf(edge), CalleeOf(edge)});
  }
  for (const v1::Topology::Edge& edge : response.added()) {
    edges_[{CallerOf(edge), CalleeOf(edge)}] = edge;
  }
  for (const v1::Topology::Edge& edge : response.changed()) {
    edges_[{CallerOf(edge), CalleeOf(edge)}] = edge;
  }
  time_ = response.time();
  overflowed_ = response.overflowed();
  return response.complete();
}

v1::Topology TopologyState::topology() const {
  v1::Topology topology;
  *topology.mutable_time() = time_;
  topology.set_overflowed(overflowed_);
  for (const auto& [names, edge] : edges_) *topology.add_edges() = edge;
  return topology;
}

}  // namespace uprobed::client
