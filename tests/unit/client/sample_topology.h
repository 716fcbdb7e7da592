#ifndef UPROBED_TESTS_UNIT_CLIENT_SAMPLE_TOPOLOGY_H_
#define UPROBED_TESTS_UNIT_CLIENT_SAMPLE_TOPOLOGY_H_

#include <string>

#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

inline void AddEdge(v1::Topology& topology, const std::string& caller,
                    const std::string& caller_function, const std::string& callee,
                    const std::string& callee_function, uint64_t count = 1) {
  v1::Topology::Edge* edge = topology.add_edges();
  edge->set_caller(caller);
  edge->set_caller_function(caller_function);
  edge->set_callee(callee);
  edge->set_callee_function(callee_function);
  edge->set_count(count);
}

// shop calls stock, which calls nobody.
inline v1::Topology SampleTopology() {
  v1::Topology topology;
  AddEdge(topology, "shop", "/check\"out", "stock", "/reserve", 10);
  v1::Topology::Edge* edge = topology.mutable_edges(0);
  edge->set_errors(1);
  edge->mutable_latency_average()->set_nanos(2'000'000);
  edge->mutable_latency_max()->set_nanos(9'000'000);
  edge->set_callee_function_derived(true);
  AddEdge(topology, "stock", "/reserve", "none", "", 10);
  return topology;
}

}  // namespace uprobed::client

#endif  // UPROBED_TESTS_UNIT_CLIENT_SAMPLE_TOPOLOGY_H_
