// What is remembered of work that one goroutine hands to another has its bounds, and they are
// counted.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "bpf/abi/in_flight.h"
#include "server/base/clock.h"
#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {
namespace {

constexpr int kHandoffRequests = 64;

class HandoffTest : public KernelTest {
 protected:
  HandoffTest() = default;
  explicit HandoffTest(const probe::BpfObjectOptions& options) : KernelTest(options) {}

  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    const auto targets = AvailableTargets("hello");
    if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
    const std::string path = OwnCopy(targets.back().path);
    attachment_ = Attach(
        path, {}, {profile::Instrumentation::kGoroutines, profile::Instrumentation::kChannels});
    ASSERT_NE(attachment_, nullptr);
    target_ = RunningTarget::Start(path);
    ASSERT_TRUE(target_.has_value());
  }

  void TearDown() override { ExpectBalance(attachment_.get()); }

  uint64_t Counter(up_counter counter) const { return attachment_->counters().value[counter]; }

  // Sends requests whose work is done by long-lived workers; the number of calls with a parent,
  // each of which must be the right one.
  int Work() {
    const std::string route = "/alone/pool";
    EXPECT_EQ(Load("http://" + target_->address + route, kHandoffRequests, 16,
                   {"-paths", std::to_string(kHandoffRequests)}),
              0);
    std::map<span::SpanId, std::string> parents;
    for (const span::Span& span : spans_.Wait(kHandoffRequests, [&route](const span::Span& span) {
           return IsServer(span) && span.path.starts_with(route);
         })) {
      parents[span.span_id] = span.path;
    }
    int children = 0;
    for (const span::Span& call : spans_.Wait(kHandoffRequests, IsClient)) {
      if (!call.has_parent()) continue;
      ++children;
      EXPECT_EQ(parents[call.parent_span_id], route + call.path.substr(call.path.rfind('/')));
    }
    return children;
  }

  std::unique_ptr<probe::Attachment> attachment_;
  std::optional<RunningTarget> target_;
};

TEST_F(HandoffTest, IsForgottenOnDetach) {
  EXPECT_EQ(Work(), kHandoffRequests);
  EXPECT_GT(backend_.HandoffsInFlight(), 0U);

  attachment_.reset();

  EXPECT_EQ(backend_.HandoffsInFlight(), 0U);
}

TEST_F(HandoffTest, IsForgottenWhenItsProcessHasExited) {
  EXPECT_EQ(Work(), kHandoffRequests);

  target_.reset();
  backend_.ForgetExitedProcesses();

  EXPECT_EQ(backend_.HandoffsInFlight(), 0U);
}

TEST_F(HandoffTest, IsForgottenWhenItIsOld) {
  EXPECT_EQ(Work(), kHandoffRequests);
  const uint64_t now = MonotonicNanosNow();
  EXPECT_EQ(backend_.ForgetOldHandoffs(now), 0U);
  EXPECT_GT(backend_.HandoffsInFlight(), 0U);

  backend_.ForgetOldHandoffs(now + 3 * UP_HANDOFF_NS);

  EXPECT_EQ(backend_.HandoffsInFlight(), 0U);
}

class FullHandoffTest : public HandoffTest {
 protected:
  FullHandoffTest() : HandoffTest({.handoffs_max = 1}) {}
};

TEST_F(FullHandoffTest, LeavesCallsWithoutAParentAndCountsIt) {
  EXPECT_LT(Work(), kHandoffRequests);
  EXPECT_GT(Counter(UP_COUNTER_HANDOFF_MAP_FULL), 0U);
  EXPECT_EQ(Counter(UP_COUNTER_LOST_MAP_FULL), 0U);
}

}  // namespace
}  // namespace uprobed::testing
