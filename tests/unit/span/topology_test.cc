#include "server/span/topology.h"

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

using testing::ElementsAre;

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

  topology.Add(Server(1, "/items/{id}"));

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "/items/{id}", "none", "none"}));
}

TEST(Topology, ServerFunctionIsPathWithoutRoute) {
  Topology topology;

  topology.Add(Server(1, ""));

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "/path", "none", "none"}));
}

TEST(Topology, PathsThatDifferByIdentifiersAreOneFunction) {
  Topology topology;
  for (const uint8_t id : {uint8_t{1}, uint8_t{2}}) {
    Span client = Client(id);
    client.path = "/items/" + std::to_string(100 + id);
    topology.Add(client);
    Span server = Server(id, "");
    server.path = "/users/" + std::to_string(id);
    topology.Add(server);
  }

  EXPECT_THAT(Keys(topology),
              ElementsAre(EdgeKey{"shop", "/users/{id}", "stock:8081", "/items/{id}"}));
}

TEST(Topology, WhatWasNoRequestMakesNoEdge) {
  Topology topology;
  Span refused = Server(1, "");
  refused.refused = true;

  topology.Add(refused);

  EXPECT_THAT(Keys(topology), ElementsAre());
}

TEST(Topology, ClientSpanWaitsForRouteOfItsServerSpan) {
  Topology topology;

  topology.Add(Client(1));
  EXPECT_THAT(Keys(topology), ElementsAre());
  EXPECT_EQ(topology.stats().pending, 1u);
  topology.Add(Server(1, "/checkout"));

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "/checkout", "stock:8081", "/reserve"}));
  EXPECT_EQ(topology.stats().pending, 0u);
}

TEST(Topology, CallOnAnotherGoroutineWaitsForRouteOfItsServerSpan) {
  Topology topology;
  Span call = Client(1);
  call.parent_source = ParentSource::kContext;

  topology.Add(call);
  topology.Add(Server(1, "/checkout"));

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "/checkout", "stock:8081", "/reserve"}));
}

TEST(Topology, EachCallOfOneRequestCounts) {
  Topology topology;

  topology.Add(Client(1));
  topology.Add(Client(1));
  topology.Add(Client(2));
  topology.Add(Server(1, "/checkout"));

  ASSERT_EQ(topology.Snapshot().size(), 1u);
  EXPECT_EQ(topology.Snapshot()[0].count, 2u);
  EXPECT_EQ(topology.stats().pending, 1u);
}

TEST(Topology, ClientSpanOutsideOfRequestsCountsAtOnce) {
  Topology topology;

  topology.Add(Client(0));

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "none", "stock:8081", "/reserve"}));
}

TEST(Topology, NamesServiceThatListensInSameNamespaceOnly) {
  Topology topology;
  topology.SetService(7, "stock:8081", "stock-service");
  Span elsewhere = Client(0);
  elsewhere.network_namespace = 8;

  topology.Add(Client(0));
  topology.Add(elsewhere);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "none", "stock-service", "/reserve"},
                                          EdgeKey{"shop", "none", "stock:8081", "/reserve"}));
}

TEST(Topology, NamesServiceOfEdgesCountedBeforeItWasKnown) {
  Topology topology;
  Span elsewhere = Client(0);
  elsewhere.network_namespace = 8;
  topology.Add(Client(0));
  topology.Add(elsewhere);

  topology.SetService(7, "stock:8081", "stock-service");
  topology.Add(Client(0));

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

  topology.Add(Client(0));

  EXPECT_EQ(Keys(topology).front().callee, "stock:8081");
}

TEST(Topology, WritesIpv6CalleeWithBrackets) {
  Topology topology;
  topology.SetService(7, "[::1]:8081", "stock-service");
  Span span = Client(0);
  span.server_address = "::1";

  topology.Add(span);

  EXPECT_EQ(Keys(topology).front().callee, "stock-service");
}

TEST(Topology, SaysUnknownForWhatSpanDoesNotTell) {
  Topology topology;
  Span span = Client(0);
  span.server_address.clear();
  span.path.clear();

  topology.Add(span);

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "none", "unknown", "unknown"}));
}

TEST(Topology, SumsLatenciesAndErrors) {
  Topology topology;
  Span slow = Client(0, 5000);
  slow.start_unix_ns = 4000;
  slow.error_type = "500";

  topology.Add(slow);
  topology.Add(Client(0, 900));

  const Edge edge = topology.Snapshot().at(0);
  EXPECT_EQ(edge.count, 2u);
  EXPECT_EQ(edge.errors, 1u);
  EXPECT_EQ(edge.latency_sum_ns, 1010);
  EXPECT_EQ(edge.latency_max_ns, 1000);
  EXPECT_EQ(edge.last_seen_unix_ns, 5000);
}

TEST(Topology, CountsBeyondBoundOnOverflowEdge) {
  Topology topology({.max_edges = 2});

  for (const char* route : {"/a", "/b", "/c", "/d", "/a"}) topology.Add(Server(1, route));

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"_other", "_other", "_other", "_other"},
                                          EdgeKey{"shop", "/a", "none", "none"},
                                          EdgeKey{"shop", "/b", "none", "none"}));
  EXPECT_EQ(topology.Snapshot()[0].count, 2u);
  EXPECT_EQ(topology.Snapshot()[1].count, 2u);
  EXPECT_EQ(topology.stats().overflowed, 2u);
}

TEST(Topology, ExpiresOldestBeyondPendingBound) {
  Topology topology({.max_pending = 1});

  topology.Add(Client(1));
  topology.Add(Client(2));

  EXPECT_THAT(Keys(topology), ElementsAre(EdgeKey{"shop", "unknown", "stock:8081", "/reserve"}));
  EXPECT_EQ(topology.stats().pending, 1u);
  EXPECT_EQ(topology.stats().expired, 1u);
  topology.Add(Server(2, "/checkout"));
  EXPECT_EQ(Keys(topology).front(), (EdgeKey{"shop", "/checkout", "stock:8081", "/reserve"}));
}

TEST(Topology, ExpiresAfterTimeout) {
  Topology topology({.pending_timeout_ns = 1000});
  topology.Add(Client(1, 900));

  topology.Add(Server(2, "/a", 1900));
  EXPECT_EQ(topology.stats().expired, 0u);
  topology.Add(Server(2, "/a", 1901));

  EXPECT_EQ(topology.stats().expired, 1u);
  EXPECT_EQ(topology.stats().pending, 0u);
}

TEST(Topology, CountsExactlyFromSeveralThreads) {
  Topology topology;
  constexpr int kThreads = 4;
  constexpr int kSpans = 1000;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < kSpans; ++k) topology.Add(Client(0));
      topology.Snapshot();
    });
  }
  threads.clear();

  EXPECT_EQ(topology.Snapshot().at(0).count, uint64_t{kThreads * kSpans});
}

}  // namespace
}  // namespace uprobed::span
