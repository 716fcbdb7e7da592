#include "server/span/topology.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/span/topology_spans.h"

namespace uprobed::span {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing::UnorderedElementsAre;

TEST(Topology, NamesServiceThatListensInSameNamespaceOnly) {
  Topology topology;
  topology.SetService(7, "stock:8081", "stock-service");
  Span elsewhere = Client(0);
  elsewhere.network_namespace = 8;

  topology.Add(Client(0), kNow);
  topology.Add(elsewhere, kNow);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "none", "stock-service", "/reserve"},
                                          EdgeKey{"shop", "none", "stock:8081", "/reserve"}));
}

TEST(Topology, NamesServiceOfEdgesCountedBeforeItWasKnown) {
  Topology topology;
  Span elsewhere = Client(0);
  elsewhere.network_namespace = 8;
  topology.Add(Client(0), kNow);
  topology.Add(elsewhere, kNow);

  topology.SetService(7, "stock:8081", "stock-service");
  topology.Add(Client(0), kNow);

  const std::vector<Edge> edges = topology.Snapshot();
  ASSERT_EQ(edges.size(), 2U);
  EXPECT_EQ(edges[0].key.callee, "stock-service");
  EXPECT_EQ(edges[0].count, 2U);
  EXPECT_EQ(edges[1].key.callee, "stock:8081");
  EXPECT_EQ(edges[1].count, 1U);
}

TEST(Topology, ForgetsService) {
  Topology topology;
  topology.SetService(7, "stock:8081", "stock-service");
  topology.SetService(7, "stock:8081", "");

  topology.Add(Client(0), kNow);

  EXPECT_EQ(Keys(topology).front().callee, "stock:8081");
}

TEST(Topology, WritesIpv6CalleeWithBrackets) {
  Topology topology;
  topology.SetService(7, "[::1]:8081", "stock-service");
  Span span = Client(0);
  span.server_address = "::1";

  topology.Add(span, kNow);

  EXPECT_EQ(Keys(topology).front().callee, "stock-service");
}

TEST(Topology, ServerSpanThatNobodyClaimsIsCalledFromOutside) {
  Topology topology;
  topology.SetService(7, "stock:8081", "stock-service");

  topology.Add(Pair().server, kNow);
  topology.Advance(kNow + 10 * kSecond);
  EXPECT_THAT(Keys(topology), Not(Contains(kFromOutside)));
  EXPECT_EQ(topology.stats().waiting, 1U);
  topology.Advance(kAfterWait);

  EXPECT_THAT(Keys(topology),
              ElementsAre(kFromOutside, EdgeKey{"stock-service", "/{what}", "none", "none"}));
  EXPECT_EQ(topology.stats().waiting, 0U);
}

TEST(Topology, ClaimedServerSpanIsNoCallFromOutsideAndNamesFunction) {
  for (const bool server_first : {true, false}) {
    Topology topology;
    topology.SetService(7, "stock:8081", "stock-service");
    const Pair pair;

    topology.Add(server_first ? pair.server : pair.client, kNow);
    topology.Add(server_first ? pair.client : pair.server, kNow + 5 * kSecond);
    EXPECT_THAT(Keys(topology), Contains(kInside)) << server_first;
    topology.Advance(kNow + 60 * kSecond);

    EXPECT_THAT(Keys(topology),
                ElementsAre(kInside, EdgeKey{"stock-service", "/{what}", "none", "none"}));
    EXPECT_EQ(topology.stats().pending, 0U);
  }
}

TEST(Topology, NamesTheFunctionThatServesWhereItIsKnown) {
  Topology topology;
  Span known = Server(1, "/items/{id}");
  known.function = "main.(*server).items";
  Span of_server = Server(2, "/users/{id}");
  of_server.function = "github.com/go-chi/chi/v5.(*Mux).ServeHTTP";
  of_server.function_of_server = true;
  Span without_route = Server(3, "");
  without_route.function = "main.serve";
  without_route.function_of_server = true;

  for (const Span& span : {known, of_server, without_route, Server(4, "/other")}) {
    topology.Add(span, kNow);
  }
  topology.Add(Client(1), kNow);
  topology.Advance(kNow + 60 * kSecond);

  // A router says less than the route by which it has found a handler.
  EXPECT_THAT(
      Keys(topology),
      testing::IsSupersetOf({EdgeKey{"outside", "none", "shop", "main.(*server).items"},
                             EdgeKey{"outside", "none", "shop", "/users/{id}"},
                             EdgeKey{"outside", "none", "shop", "main.serve"},
                             EdgeKey{"outside", "none", "shop", "/other"},
                             EdgeKey{"shop", "main.(*server).items", "stock:8081", "/reserve"}}));
  for (const Edge& edge : topology.Snapshot()) {
    EXPECT_FALSE(edge.caller_function_derived) << edge.key.caller_function;
  }
}

TEST(Topology, RpcIsClaimedByItsFullMethodWhichIsItsFunction) {
  for (const bool server_first : {true, false}) {
    Topology topology;
    topology.SetService(7, "stock:8081", "stock-service");
    Pair pair;
    MakeRpc(pair.client, "Reserve");
    MakeRpc(pair.server, "Reserve");
    Span other = pair.server;
    other.span_id = Id(10);
    MakeRpc(other, "Release");

    topology.Add(other, kNow);
    topology.Add(server_first ? pair.server : pair.client, kNow);
    topology.Add(server_first ? pair.client : pair.server, kNow + 5 * kSecond);
    topology.Advance(kNow + 60 * kSecond);

    EXPECT_THAT(
        Keys(topology),
        UnorderedElementsAre(EdgeKey{"shop", "none", "stock-service", "/shop.v1.Stock/Reserve"},
                             EdgeKey{"outside", "none", "stock-service", "/shop.v1.Stock/Release"},
                             EdgeKey{"stock-service", "/shop.v1.Stock/Reserve", "none", "none"},
                             EdgeKey{"stock-service", "/shop.v1.Stock/Release", "none", "none"}))
        << server_first;
    for (const Edge& edge : topology.Snapshot()) EXPECT_FALSE(edge.callee_function_derived);
  }
}

TEST(Topology, TraceparentOfCallClaimsWhereverItWent) {
  for (const bool server_first : {true, false}) {
    Topology topology;
    Pair pair;
    pair.server.path = "/rewritten/by/a/proxy";
    pair.server.parent_source = ParentSource::kTraceparent;
    pair.server.parent_span_id = pair.client.span_id;

    topology.Add(server_first ? pair.server : pair.client, kNow);
    topology.Add(server_first ? pair.client : pair.server, kNow);
    topology.Advance(kAfterWait);

    EXPECT_THAT(Keys(topology), Not(Contains(kFromOutside))) << server_first;
  }
}

TEST(Topology, TraceparentOfSomebodyElsesSpanIsFromOutside) {
  Topology topology;
  Pair pair;
  pair.server.parent_source = ParentSource::kTraceparent;
  pair.server.parent_span_id = Id(77);

  topology.Add(pair.server, kNow);
  topology.Advance(kAfterWait);

  EXPECT_THAT(Keys(topology), Contains(kFromOutside));
}

TEST(Topology, CallBeforeItsServiceIsKnownClaimsAllTheSame) {
  Topology topology;
  const Pair pair;
  topology.Add(pair.server, kNow);
  topology.Add(pair.client, kNow);

  topology.SetService(7, "stock:8081", "stock-service");
  topology.Advance(kAfterWait);

  EXPECT_THAT(Keys(topology), Not(Contains(kFromOutside)));
}

TEST(Topology, CallBeforeItsServiceIsKnownIsNeverToldByItsAddress) {
  std::vector<Call> calls;
  Topology topology({}, [&](const Call& call, int64_t /*now_ns*/) { calls.push_back(call); });
  const Pair pair;
  topology.Add(pair.server, kNow);
  topology.Add(pair.client, kNow);
  topology.Advance(kNow + 3 * kSecond);

  topology.SetService(7, "stock:8081", "stock-service");

  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[1].key, kInside);
}

}  // namespace
}  // namespace uprobed::span
