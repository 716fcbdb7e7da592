#include "server/span/topology.h"

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/span/topology_spans.h"

namespace uprobed::span {
namespace {

using testing::Contains;
using testing::ElementsAre;

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

TEST(Topology, CallWithoutResponseIsCountedAtOnce) {
  Topology topology;
  topology.SetService(7, "stock:8081", "stock-service");
  Pair pair;
  pair.client.status_code = 0;
  pair.client.error_type = "_OTHER";

  topology.Add(pair.client, kNow);

  EXPECT_EQ(topology.Snapshot().at(0).errors, 1U);
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
