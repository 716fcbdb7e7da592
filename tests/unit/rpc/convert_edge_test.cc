#include "server/rpc/convert_edge.h"

#include <gtest/gtest.h>

namespace uprobed::rpc {
namespace {

TEST(Edge, TellsTheAverageLatency) {
  v1::Topology::Edge told;
  FillEdge({.key = {"shop", "/checkout", "stock", "/reserve"},
            .count = 4,
            .errors = 1,
            .latency_sum_ns = 6'000'000'000,
            .latency_max_ns = 2'000'000'001,
            .last_seen_unix_ns = 5'000'000'000},
           told);
  EXPECT_EQ(told.caller(), "shop");
  EXPECT_EQ(told.caller_function(), "/checkout");
  EXPECT_EQ(told.callee(), "stock");
  EXPECT_EQ(told.callee_function(), "/reserve");
  EXPECT_EQ(told.count(), 4U);
  EXPECT_EQ(told.errors(), 1U);
  EXPECT_EQ(told.latency_average().seconds(), 1);
  EXPECT_EQ(told.latency_average().nanos(), 500'000'000);
  EXPECT_EQ(told.latency_max().nanos(), 1);
  EXPECT_EQ(told.last_seen_time().seconds(), 5);
  v1::Topology::Edge empty;
  FillEdge({}, empty);
  EXPECT_EQ(empty.latency_average().seconds(), 0);
}

}  // namespace
}  // namespace uprobed::rpc
