#include "client/topology_state.h"

#include "gtest/gtest.h"
#include "tests/unit/client/sample_topology.h"

namespace uprobed::client {
namespace {

v1::WatchTopologyResponse ResponseOf(bool snapshot, bool complete) {
  v1::WatchTopologyResponse response;
  response.set_snapshot(snapshot);
  response.set_complete(complete);
  response.set_overflowed(4);
  return response;
}

v1::Topology::Edge EdgeOf(const std::string& caller, uint64_t count) {
  v1::Topology topology;
  AddEdge(topology, caller, "/x", "none", "none", count);
  return topology.edges(0);
}

TEST(TopologyState, AppliesChangesUntilANewSnapshot) {
  TopologyState state;
  v1::WatchTopologyResponse response = ResponseOf(true, false);
  *response.add_added() = EdgeOf("a", 1);
  EXPECT_FALSE(state.Apply(response));
  response = ResponseOf(false, true);
  *response.add_added() = EdgeOf("b", 1);
  EXPECT_TRUE(state.Apply(response));
  EXPECT_EQ(state.topology().edges_size(), 2);

  response = ResponseOf(false, true);
  *response.add_changed() = EdgeOf("b", 2);
  *response.add_removed() = EdgeOf("a", 0);
  state.Apply(response);
  ASSERT_EQ(state.topology().edges_size(), 1);
  EXPECT_EQ(state.topology().edges(0).count(), 2U);
  EXPECT_EQ(state.topology().overflowed(), 4U);

  state.Apply(ResponseOf(true, true));
  EXPECT_EQ(state.topology().edges_size(), 0);
}

}  // namespace
}  // namespace uprobed::client
