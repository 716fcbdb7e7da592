#ifndef UPROBED_SERVER_RPC_CONVERT_EDGE_H_
#define UPROBED_SERVER_RPC_CONVERT_EDGE_H_

#include "server/span/topology.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::rpc {

// The names alone.
void FillEdgeNames(const span::EdgeKey& from, v1::Topology::Edge& to);
void FillEdge(const span::Edge& from, v1::Topology::Edge& to);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_CONVERT_EDGE_H_
