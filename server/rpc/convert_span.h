#ifndef UPROBED_SERVER_RPC_CONVERT_SPAN_H_
#define UPROBED_SERVER_RPC_CONVERT_SPAN_H_

#include "server/span/span.h"
#include "server/span/topology.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::rpc {

void FillSpan(const span::Span& from, v1::Span& to);
// The names alone.
void FillEdgeNames(const span::EdgeKey& from, v1::Topology::Edge& to);
void FillEdge(const span::Edge& from, v1::Topology::Edge& to);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_CONVERT_SPAN_H_
