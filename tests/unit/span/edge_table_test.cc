#include "server/span/edge_table.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

EdgeKey KeyOf(const std::string& function) { return {"shop", function, "stock", "/x"}; }

Call CallOf(const std::string& function) { return {.key = KeyOf(function), .latency_ns = 5}; }

std::vector<std::string> Functions(const std::vector<Edge>& edges) {
  std::vector<std::string> functions;
  for (const Edge& edge : edges) functions.push_back(edge.key.caller_function);
  return functions;
}

TEST(EdgeTable, TellsAddedChangedAndRemovedOnce) {
  EdgeTable table(10, 100);
  table.Count(CallOf("/a"), 0);
  table.Count(CallOf("/b"), 0);
  const EdgeChanges snapshot = table.ChangesSince(0);
  EXPECT_TRUE(snapshot.snapshot);
  EXPECT_THAT(Functions(snapshot.added), ElementsAre("/a", "/b"));

  table.Count(CallOf("/b"), 50);
  table.Count(CallOf("/c"), 50);
  table.Expire(101);
  const EdgeChanges changes = table.ChangesSince(snapshot.revision);

  EXPECT_FALSE(changes.snapshot);
  EXPECT_THAT(Functions(changes.added), ElementsAre("/c"));
  ASSERT_THAT(Functions(changes.changed), ElementsAre("/b"));
  EXPECT_EQ(changes.changed[0].count, 2U);
  EXPECT_THAT(changes.removed, ElementsAre(KeyOf("/a")));
  const EdgeChanges nothing = table.ChangesSince(changes.revision);
  EXPECT_THAT(nothing.added, IsEmpty());
  EXPECT_THAT(nothing.changed, IsEmpty());
  EXPECT_THAT(nothing.removed, IsEmpty());
}

TEST(EdgeTable, WhatWentAndCameBackHasChanged) {
  EdgeTable table(10, 100);
  table.Count(CallOf("/a"), 0);
  const uint64_t known = table.ChangesSince(0).revision;
  table.Expire(101);
  table.Count(CallOf("/a"), 101);

  const EdgeChanges changes = table.ChangesSince(known);

  ASSERT_THAT(Functions(changes.changed), ElementsAre("/a"));
  EXPECT_EQ(changes.changed[0].count, 1U);
  EXPECT_THAT(changes.added, IsEmpty());
  EXPECT_THAT(changes.removed, IsEmpty());
}

TEST(EdgeTable, NeverTellsOfWhatCameAndWentInBetween) {
  EdgeTable table(10, 100);
  table.Count(CallOf("/a"), 200);
  const uint64_t known = table.ChangesSince(0).revision;
  table.Count(CallOf("/b"), 0);
  table.Expire(101);

  EXPECT_THAT(table.ChangesSince(known).removed, IsEmpty());
}

TEST(EdgeTable, StartsAnewForWhomItNoLongerKnowsTheRemovalsOf) {
  EdgeTable table(100'000, 100);
  table.Count(CallOf("/a"), 1000);
  const uint64_t known = table.ChangesSince(0).revision;
  for (int i = 0; i < 20'000; ++i) table.Count(CallOf("/" + std::to_string(i)), 0);
  table.Expire(101);

  const EdgeChanges changes = table.ChangesSince(known);

  EXPECT_TRUE(changes.snapshot);
  EXPECT_THAT(Functions(changes.added), ElementsAre("/a"));
}

TEST(EdgeTable, OverflowEdgeTakesWhatIsTooManyUntilThereIsRoom) {
  EdgeTable table(1, 100);
  EXPECT_FALSE(table.Count(CallOf("/a"), 0));
  EXPECT_TRUE(table.Count(CallOf("/b"), 50));
  EXPECT_TRUE(table.Count(CallOf("/c"), 50));
  EXPECT_THAT(Functions(table.Snapshot()), ElementsAre("_other", "/a"));

  table.Expire(101);

  EXPECT_FALSE(table.Count(CallOf("/b"), 101));
  EXPECT_EQ(table.dropped(), 1U);
  ASSERT_THAT(table.Snapshot(), SizeIs(2));
  EXPECT_EQ(table.Snapshot()[0].count, 2U);
}

TEST(EdgeTable, AddressThatBecomesServiceIsRemovedUnlessItStaysInAnotherNamespace) {
  EdgeTable table(10, 100);
  Call call = CallOf("/a");
  call.key.callee = "stock:80";
  call.unresolved_in = 7;
  table.Count(call, 0);
  call.unresolved_in = 8;
  table.Count(call, 0);
  uint64_t known = table.ChangesSince(0).revision;

  table.NameService(7, "stock:80", "stock");
  EdgeChanges changes = table.ChangesSince(known);
  EXPECT_THAT(changes.removed, IsEmpty());
  ASSERT_THAT(changes.changed, SizeIs(1));
  EXPECT_EQ(changes.changed[0].key.callee, "stock:80");
  EXPECT_EQ(changes.changed[0].count, 1U);
  ASSERT_THAT(changes.added, SizeIs(1));
  EXPECT_EQ(changes.added[0].key.callee, "stock");

  known = changes.revision;
  table.NameService(8, "stock:80", "stock");
  changes = table.ChangesSince(known);
  EXPECT_THAT(changes.removed, ElementsAre(call.key));
  ASSERT_THAT(changes.changed, SizeIs(1));
  EXPECT_EQ(changes.changed[0].count, 2U);
}

TEST(EdgeTable, FunctionIsDerivedUntilARouteWasSeen) {
  EdgeTable table(10, 100);
  Call call = CallOf("/a");
  call.callee_function_derived = true;
  table.Count(call, 0);
  EXPECT_TRUE(table.Snapshot()[0].callee_function_derived);
  EXPECT_FALSE(table.Snapshot()[0].caller_function_derived);

  call.callee_function_derived = false;
  table.Count(call, 0);

  EXPECT_FALSE(table.Snapshot()[0].callee_function_derived);
}

// Followers that ask now and then have, after each answer, what the table has.
TEST(EdgeTable, FollowersMissNothing) {
  EdgeTable table(30, 40);
  std::mt19937 random(1);
  struct Follower {
    uint64_t revision = 0;
    std::map<EdgeKey, uint64_t> counts;
  };
  std::vector<Follower> followers(3);
  for (int64_t now = 0; now < 3000; ++now) {
    Call call = CallOf("/" + std::to_string(random() % 40));
    if (random() % 2 == 0) {
      call.key.callee = "stock:80";
      call.unresolved_in = random() % 2;
    }
    table.Count(call, now);
    if (random() % 100 == 0) table.NameService(random() % 2, "stock:80", "stock");
    table.Expire(now);
    Follower& follower = followers[random() % followers.size()];
    const EdgeChanges changes = table.ChangesSince(follower.revision);
    follower.revision = changes.revision;
    if (changes.snapshot) follower.counts.clear();
    for (const EdgeKey& key : changes.removed) EXPECT_EQ(follower.counts.erase(key), 1U);
    for (const Edge& edge : changes.added) {
      EXPECT_TRUE(follower.counts.emplace(edge.key, edge.count).second);
    }
    for (const Edge& edge : changes.changed) {
      ASSERT_EQ(follower.counts.count(edge.key), 1U);
      follower.counts[edge.key] = edge.count;
    }
    std::map<EdgeKey, uint64_t> truth;
    for (const Edge& edge : table.Snapshot()) truth[edge.key] = edge.count;
    ASSERT_EQ(follower.counts, truth) << now;
  }
}

}  // namespace
}  // namespace uprobed::span
