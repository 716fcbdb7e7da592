#include "server/span/pending_calls.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

using testing::ElementsAre;

constexpr SpanId kServer = {1};
constexpr SpanId kOtherServer = {2};

std::vector<uint64_t> TakeAllOf(PendingCalls& pending, const SpanId& server_span_id) {
  std::vector<uint64_t> ids;
  while (PendingCall* const taken = pending.TakeCallOf(server_span_id)) {
    EXPECT_FALSE(taken->server_span_id.has_value());
    ids.push_back(taken->id);
    if (taken->is_complete()) pending.Remove(*taken);
  }
  return ids;
}

TEST(PendingCalls, GivesTheCallsOfOneServerSpanInOrder) {
  PendingCalls pending;
  for (const uint64_t id : {1U, 2U, 3U, 4U, 5U}) {
    pending.Add({.id = id, .server_span_id = id == 2 ? kOtherServer : kServer});
  }

  EXPECT_THAT(TakeAllOf(pending, kServer), ElementsAre(1, 3, 4, 5));
  EXPECT_THAT(TakeAllOf(pending, kServer), ElementsAre());
  EXPECT_EQ(pending.size(), 1U);
  EXPECT_THAT(TakeAllOf(pending, kOtherServer), ElementsAre(2));
  EXPECT_EQ(pending.Oldest(), nullptr);
}

TEST(PendingCalls, ChainGoesOnAfterItsOldestWentAndAfterItWasEmpty) {
  PendingCalls pending;
  for (const uint64_t id : {1U, 2U}) pending.Add({.id = id, .server_span_id = kServer});
  PendingCall* const oldest = pending.TakeCallOf(kServer);
  ASSERT_EQ(oldest, pending.Oldest());
  pending.Remove(*oldest);
  pending.Add({.id = 3, .server_span_id = kServer});
  EXPECT_THAT(TakeAllOf(pending, kServer), ElementsAre(2, 3));

  pending.Add({.id = 4, .server_span_id = kServer});
  EXPECT_THAT(TakeAllOf(pending, kServer), ElementsAre(4));
}

TEST(PendingCalls, KnowsTheEarliestDeadlineOfBothKinds) {
  PendingCalls pending;
  pending.Add({.id = 1, .callee_deadline_ns = 30, .callee = PendingCall::Callee::kService});
  pending.Add({.id = 2, .callee_deadline_ns = 20, .callee = PendingCall::Callee::kAddress});
  pending.Add({.id = 3, .callee_deadline_ns = 30, .callee = PendingCall::Callee::kAddress});
  pending.Add({.id = 4, .callee_deadline_ns = 40, .callee = PendingCall::Callee::kAddress});
  pending.EndWaitForCallee(*pending.Find(4));

  std::vector<uint64_t> ids;
  while (PendingCall* const earliest = pending.EarliestDeadline()) {
    ids.push_back(earliest->id);
    pending.EndWaitForCallee(*earliest);
    EXPECT_TRUE(earliest->is_complete());
    pending.Remove(*earliest);
  }

  EXPECT_THAT(ids, ElementsAre(2, 1, 3));
  EXPECT_EQ(pending.Find(3), nullptr);
  EXPECT_EQ(pending.Oldest()->id, 4U);
}

}  // namespace
}  // namespace uprobed::span
