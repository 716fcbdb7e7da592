#include "server/span/topology.h"

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr int64_t kNow = 1'000'000'000'000;  // of the monotonic clock
constexpr int64_t kSecond = 1'000'000'000;

SpanId Id(uint8_t number) { return {0, 0, 0, 0, 0, 0, 0, number}; }

Span Server(uint8_t id, const std::string& route, int64_t end_ns = 1000) {
  Span span;
  span.kind = Kind::kServer;
  span.span_id = Id(id);
  span.service_name = "shop";
  span.route = route;
  span.path = "/path";
  span.start_unix_ns = end_ns - 100;
  span.end_unix_ns = end_ns;
  return span;
}

// A call of stock:8081/reserve; `parent` 0: outside of any request.
Span Client(uint8_t parent, int64_t end_ns = 900) {
  Span span;
  span.kind = Kind::kClient;
  span.span_id = Id(200);
  span.parent_span_id = Id(parent);
  span.parent_source = parent == 0 ? ParentSource::kNone : ParentSource::kGoroutine;
  span.service_name = "shop";
  span.path = "/reserve";
  span.server_address = "stock";
  span.server_port = 8081;
  span.network_namespace = 7;
  span.start_unix_ns = end_ns - 10;
  span.end_unix_ns = end_ns;
  return span;
}

std::vector<EdgeKey> Keys(const Topology& topology) {
  std::vector<EdgeKey> keys;
  for (const Edge& edge : topology.Snapshot()) keys.push_back(edge.key);
  return keys;
}

TEST(Topology, ServerSpanThatCallsNobodyMakesEdgeToNone) {
  Topology topology;

  topology.Add(Server(1, "/items/{id}"), kNow);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "/items/{id}", "none", "none"}));
}

TEST(Topology, ServerFunctionIsPathWithoutRoute) {
  Topology topology;

  topology.Add(Server(1, ""), kNow);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "/path", "none", "none"}));
}

TEST(Topology, PathsThatDifferByIdentifiersAreOneFunction) {
  Topology topology;
  for (const uint8_t id : {uint8_t{1}, uint8_t{2}}) {
    Span client = Client(id);
    client.path = "/items/" + std::to_string(100 + id);
    topology.Add(client, kNow);
    Span server = Server(id, "");
    server.path = "/users/" + std::to_string(id);
    topology.Add(server, kNow);
  }

  EXPECT_THAT(Keys(topology),
              ElementsAre(EdgeKey{"shop", "/users/{id}", "stock:8081", "/items/{id}"}));
}

TEST(Topology, WhatWasNoRequestMakesNoEdge) {
  Topology topology;
  Span refused = Server(1, "");
  refused.refused = true;

  topology.Add(refused, kNow);

  EXPECT_THAT(Keys(topology), ElementsAre());
}

TEST(Topology, ClientSpanWaitsForRouteOfItsServerSpan) {
  Topology topology;

  topology.Add(Client(1), kNow);
  EXPECT_THAT(Keys(topology), ElementsAre());
  EXPECT_EQ(topology.stats().pending, 1u);
  topology.Add(Server(1, "/checkout"), kNow);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "/checkout", "stock:8081", "/reserve"}));
  EXPECT_EQ(topology.stats().pending, 0u);
}

TEST(Topology, CallHandedOverWithoutAContextKnowsTheRouteOfARequestThatHasEnded) {
  for (const ParentSource source : {ParentSource::kChannel, ParentSource::kGoroutineStart}) {
    Topology topology;
    topology.Add(Server(1, "/checkout"), kNow);
    Span call = Client(1);
    call.parent_source = source;
    topology.Add(call, kNow);

    EXPECT_EQ(topology.stats().pending, 0u);
    EXPECT_THAT(Keys(topology), Contains(EdgeKey{"shop", "/checkout", "stock:8081", "/reserve"}));
  }
}

TEST(Topology, CallOnAnotherGoroutineWaitsForRouteOfItsServerSpan) {
  Topology topology;
  Span call = Client(1);
  call.parent_source = ParentSource::kContext;

  topology.Add(call, kNow);
  topology.Add(Server(1, "/checkout"), kNow);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "/checkout", "stock:8081", "/reserve"}));
}

TEST(Topology, EachCallOfOneRequestCounts) {
  Topology topology;

  topology.Add(Client(1), kNow);
  topology.Add(Client(1), kNow);
  topology.Add(Client(2), kNow);
  topology.Add(Server(1, "/checkout"), kNow);

  ASSERT_EQ(topology.Snapshot().size(), 1u);
  EXPECT_EQ(topology.Snapshot()[0].count, 2u);
  EXPECT_EQ(topology.stats().pending, 1u);
}

TEST(Topology, ClientSpanOutsideOfRequestsCountsAtOnce) {
  Topology topology;

  topology.Add(Client(0), kNow);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "none", "stock:8081", "/reserve"}));
}

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

TEST(Topology, SaysUnknownForWhatSpanDoesNotTell) {
  Topology topology;
  Span span = Client(0);
  span.server_address.clear();
  span.path.clear();

  topology.Add(span, kNow);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "none", "unknown", "unknown"}));
}

TEST(Topology, SumsLatenciesAndErrors) {
  Topology topology;
  Span slow = Client(0, 5000);
  slow.start_unix_ns = 4000;
  slow.error_type = "500";

  topology.Add(slow, kNow);
  topology.Add(Client(0, 900), kNow);

  const Edge edge = topology.Snapshot().at(0);
  EXPECT_EQ(edge.count, 2u);
  EXPECT_EQ(edge.errors, 1u);
  EXPECT_EQ(edge.latency_sum_ns, 1010);
  EXPECT_EQ(edge.latency_max_ns, 1000);
  EXPECT_EQ(edge.last_seen_unix_ns, 5000);
}

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

TEST(Topology, CallThatEndsAfterItsRequestHasItsFunction) {
  Topology topology;
  topology.Add(Server(1, "/checkout"), kNow);

  topology.Add(Client(1, 5000), kNow + kSecond);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "/checkout", "none", "none"},
                                          EdgeKey{"shop", "/checkout", "stock:8081", "/reserve"}));
}

TEST(Topology, MarksFunctionsThatAreMadeOfPaths) {
  Topology topology;
  topology.Add(Client(1), kNow);
  topology.Add(Server(1, "/checkout"), kNow);
  topology.Add(Server(2, ""), kNow);

  const std::vector<Edge> edges = topology.Snapshot();

  ASSERT_EQ(edges.size(), 2U);
  EXPECT_EQ(edges[0].key.caller_function, "/checkout");
  EXPECT_FALSE(edges[0].caller_function_derived);
  EXPECT_TRUE(edges[0].callee_function_derived);
  EXPECT_EQ(edges[1].key.caller_function, "/path");
  EXPECT_TRUE(edges[1].caller_function_derived);
  EXPECT_FALSE(edges[1].callee_function_derived);
}

// shop calls stock:8081, which is stock-service and serves "/{what}".
struct Pair {
  Span client = Client(0);
  Span server = Server(9, "/{what}");

  Pair() {
    client.method = "POST";
    client.status_code = 200;
    client.start_unix_ns = 100;
    client.end_unix_ns = 900;
    server.method = "POST";
    server.service_name = "stock-service";
    server.path = "/reserve";
    server.start_unix_ns = 200;
    server.end_unix_ns = 800;
  }
};

const EdgeKey kInside{"shop", "none", "stock-service", "/{what}"};
const EdgeKey kFromOutside{"outside", "none", "stock-service", "/{what}"};
constexpr int64_t kAfterWait = kNow + 11 * kSecond;

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

void MakeRpc(Span& span, const std::string& method) {
  span.rpc_system = "grpc";
  span.rpc_service = "shop.v1.Stock";
  span.rpc_method = method;
  span.rpc_status_code = 0;
  span.status_code = 0;
  span.method = span.path = span.route = "";
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

TEST(Topology, CallWithoutResponseIsCountedAtOnce) {
  Topology topology;
  topology.SetService(7, "stock:8081", "stock-service");
  Pair pair;
  pair.client.status_code = 0;
  pair.client.error_type = "_OTHER";

  topology.Add(pair.client, kNow);

  EXPECT_EQ(topology.Snapshot().at(0).errors, 1U);
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

TEST(Topology, TellsObserverEachRequestOnceWithBothLatencies) {
  std::vector<Call> calls;
  Topology topology({}, [&](const Call& call, int64_t /*now_ns*/) { calls.push_back(call); });
  topology.SetService(7, "stock:8081", "stock-service");
  Pair pair;
  pair.server.error_type = "500";

  topology.Add(pair.server, kNow);
  topology.Add(pair.client, kNow);
  topology.Advance(kAfterWait);

  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0].key, (EdgeKey{"stock-service", "/{what}", "none", "none"}));
  EXPECT_EQ(calls[1].key, kInside);
  EXPECT_EQ(calls[1].latency_ns, 800);
  EXPECT_EQ(calls[1].served_latency_ns, 600);
  EXPECT_TRUE(calls[1].served_is_error);
}

TEST(Topology, CountsRequestsFromInsideAndOutsideExactlyFromSeveralThreads) {
  Topology topology;
  topology.SetService(7, "stock:8081", "stock-service");
  constexpr int kThreads = 4;
  constexpr int kPairs = 500;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const Pair pair;
      for (int k = 0; k < kPairs; ++k) {
        topology.Add(i % 2 == 0 ? pair.server : pair.client, kNow);
        topology.Add(i % 2 == 0 ? pair.client : pair.server, kNow);
        topology.Add(pair.server, kNow);
        topology.ChangesSince(1);
      }
    });
  }
  threads.clear();
  topology.Advance(kAfterWait);

  const std::vector<Edge> edges = topology.Snapshot();
  ASSERT_EQ(edges.size(), 3U);
  EXPECT_EQ(edges[0].key, kFromOutside);
  EXPECT_EQ(edges[0].count, uint64_t{kThreads * kPairs});
  EXPECT_EQ(edges[1].key, kInside);
  EXPECT_EQ(edges[1].count, uint64_t{kThreads * kPairs});
}

TEST(Topology, CountsExactlyFromSeveralThreads) {
  Topology topology;
  constexpr int kThreads = 4;
  constexpr int kSpans = 1000;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < kSpans; ++k) topology.Add(Client(0), kNow);
      topology.Snapshot();
    });
  }
  threads.clear();

  EXPECT_EQ(topology.Snapshot().at(0).count, uint64_t{kThreads * kSpans});
}

}  // namespace
}  // namespace uprobed::span
