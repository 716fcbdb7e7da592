#include "server/span/topology.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/span/topology_spans.h"

namespace uprobed::span {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

TEST(Topology, CountsBeyondBoundOnOverflowEdge) {
  Topology topology({.max_edges = 2});

  for (const char* route : {"/a", "/b", "/c", "/d", "/a"}) topology.Add(Server(1, route), kNow);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"_other", "_other", "_other", "_other"},
                                          EdgeKey{"shop", "/a", "none", "none"},
                                          EdgeKey{"shop", "/b", "none", "none"}));
  EXPECT_EQ(topology.Snapshot()[0].count, 2u);
  EXPECT_EQ(topology.Snapshot()[1].count, 2u);
  EXPECT_EQ(topology.stats().overflowed, 2u);
}

TEST(Topology, ExpiresOldestBeyondPendingBound) {
  Topology topology({.max_pending = 1});

  topology.Add(Client(1), kNow);
  topology.Add(Client(2), kNow);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "unknown", "stock:8081", "/reserve"}));
  EXPECT_EQ(topology.stats().pending, 1u);
  EXPECT_EQ(topology.stats().expired, 1u);
  topology.Add(Server(2, "/checkout"), kNow);
  EXPECT_EQ(Keys(topology).front(), (EdgeKey{"shop", "/checkout", "stock:8081", "/reserve"}));
}

TEST(Topology, ExpiresAfterTimeout) {
  Topology topology({.caller_timeout_ns = 1000});
  topology.Add(Client(1), kNow);

  topology.Advance(kNow + 1000);
  EXPECT_EQ(topology.stats().expired, 0u);
  topology.Advance(kNow + 1001);

  EXPECT_EQ(topology.stats().expired, 1u);
  EXPECT_EQ(topology.stats().pending, 0u);
}

TEST(Topology, CallOfWhatIsNoServiceIsCountedAfterAWhile) {
  Topology topology;
  topology.Add(Pair().client, kNow);

  topology.Advance(kNow + 3 * kSecond);
  EXPECT_THAT(Keys(topology), ElementsAre());
  topology.Advance(kNow + 4 * kSecond);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "none", "stock:8081", "/reserve"}));
}

TEST(Topology, GivesUpCalleesRoutesBeforeCallers) {
  Topology topology({.max_pending = 1});
  topology.SetService(7, "stock:8081", "stock-service");
  topology.Add(Client(1), kNow);
  topology.Add(Pair().client, kNow);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "none", "stock-service", "/reserve"}));
  EXPECT_EQ(topology.stats().pending, 1U);
  EXPECT_EQ(topology.stats().expired, 0U);
}

TEST(Topology, CallWithoutServerSpanIsCountedAfterAWhileByItsPath) {
  Topology topology;
  topology.SetService(7, "stock:8081", "stock-service");
  topology.Add(Pair().client, kNow);

  topology.Advance(kNow + 10 * kSecond);
  EXPECT_THAT(Keys(topology), ElementsAre());
  topology.Advance(kAfterWait);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "none", "stock-service", "/reserve"}));
}

TEST(Topology, DropsEdgesThatWereNotSeenForTheWindow) {
  Topology topology({.window_ns = 60 * kSecond});
  topology.Add(Client(0), kNow);
  topology.Add(Server(1, "/a"), kNow + 30 * kSecond);

  topology.Advance(kNow + 60 * kSecond);
  EXPECT_EQ(topology.stats().dropped, 0U);
  topology.Advance(kNow + 61 * kSecond);

  EXPECT_EQ(topology.stats().dropped, 1U);
  EXPECT_THAT(Keys(topology), Not(Contains(EdgeKey{"shop", "none", "stock:8081", "/reserve"})));
  EXPECT_THAT(Keys(topology), Contains(EdgeKey{"shop", "/a", "none", "none"}));
}

}  // namespace
}  // namespace uprobed::span
