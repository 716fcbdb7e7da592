#ifndef UPROBED_CLIENT_TOPOLOGY_STATE_H_
#define UPROBED_CLIENT_TOPOLOGY_STATE_H_

#include <map>
#include <utility>

#include "client/topology_nodes.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

// The topology as a stream of changes has told it. Thread: one.
class TopologyState {
 public:
  // Returns whether an update is complete: then topology() is what the daemon had.
  bool Apply(const v1::WatchTopologyResponse& response);
  v1::Topology topology() const;

 private:
  std::map<std::pair<TopologyNode, TopologyNode>, v1::Topology::Edge> edges_;
  google::protobuf::Timestamp time_;
  uint64_t overflowed_ = 0;
};

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_TOPOLOGY_STATE_H_
