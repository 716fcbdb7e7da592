#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/control/probe_controller.h"
#include "tests/unit/control/controller_fixture.h"

namespace uprobed::control {
namespace {

using ::testing::ElementsAre;

class OverheadTest : public ControllerTest {
 protected:
  static constexpr uint64_t kSecond = 1'000'000'000;

  void SetUp() override {
    ControllerTest::SetUp();
    if (IsSkipped()) return;
    backend_.SetHitCost(1000);
    path_ = Binary("shop");
    proc_.AddProcess(7, path_);
    ASSERT_TRUE(Create(Record("shop", path_)).ok());
  }

  // One second in which the sites are hit so often.
  ProbeStatus After(uint64_t hits) {
    monotonic_ns_ += kSecond;
    for (const auto& [slot, attached] : backend_.live()) {
      backend_.Count(slot, UP_COUNTER_HITS_SERVER_START, hits);
    }
    return Reconciled("shop");
  }
  ProbeStatus AfterSeconds(int seconds, uint64_t hits) {
    ProbeStatus status;
    for (int i = 0; i < seconds; ++i) status = After(hits);
    return status;
  }
  double KeepRatio() { return backend_.live().begin()->second.options.span_keep_ratio; }

  std::string path_;
};

TEST_F(OverheadTest, IsHitsTimesTheirCost) {
  EXPECT_DOUBLE_EQ(After(5000).overhead_ratio, 0.005);
  EXPECT_EQ(StatusOf("shop").throttle_level, ThrottleLevel::kNone);
  EXPECT_EQ(StatusOf("shop").state, ProbeState::kActive);
}

TEST_F(OverheadTest, IsMeasuredOnlyNearTheBudget) {
  After(10);
  EXPECT_EQ(backend_.cost_measurements(), 0);
  AfterSeconds(3, 5000);
  EXPECT_EQ(backend_.cost_measurements(), 3);
}

TEST_F(OverheadTest, StepsDownAndSaysSo) {
  ProbeStatus status = After(50'000);
  EXPECT_EQ(status.throttle_level, ThrottleLevel::kSampled);
  EXPECT_EQ(status.state, ProbeState::kDegraded);
  EXPECT_EQ(ReasonOf(status.error), "OVERHEAD_BUDGET_EXCEEDED");
  EXPECT_THAT(MessageOf(status.error), ::testing::HasSubstr("5 % of one CPU, and may cost 1 %"));
  EXPECT_DOUBLE_EQ(KeepRatio(), 0.1);

  status = After(50'000);
  EXPECT_EQ(status.throttle_level, ThrottleLevel::kMetricsOnly);
  EXPECT_EQ(status.state, ProbeState::kDegraded);
  EXPECT_DOUBLE_EQ(KeepRatio(), 0);

  status = After(50'000);
  EXPECT_EQ(status.throttle_level, ThrottleLevel::kSuspended);
  EXPECT_EQ(status.state, ProbeState::kSuspended);
  EXPECT_EQ(ReasonOf(status.error), "OVERHEAD_BUDGET_EXCEEDED");
  EXPECT_TRUE(backend_.live().empty());
  EXPECT_EQ(status.attached_sites, 0U);
  EXPECT_THAT(status.pids, ElementsAre(7U));
  EXPECT_EQ(status.throttle_changes, (ThrottleChanges{0, 1, 1, 1}));
  // What was counted stays.
  EXPECT_EQ(status.counters.value[UP_COUNTER_HITS_SERVER_START], 150'000U);
}

TEST_F(OverheadTest, ComesBackByItself) {
  AfterSeconds(3, 50'000);
  const ProbeStatus status = AfterSeconds(30, 0);

  EXPECT_EQ(status.state, ProbeState::kActive);
  EXPECT_EQ(status.throttle_level, ThrottleLevel::kNone);
  EXPECT_TRUE(status.error.ok()) << status.error;
  EXPECT_EQ(backend_.live().size(), 1U);
  EXPECT_DOUBLE_EQ(KeepRatio(), 1);
  EXPECT_EQ(status.throttle_changes, (ThrottleChanges{1, 2, 2, 1}));
}

TEST_F(OverheadTest, IsTriedWithoutSpansFirst) {
  AfterSeconds(3, 50'000);
  const ProbeStatus status = AfterSeconds(5, 0);

  EXPECT_EQ(status.throttle_level, ThrottleLevel::kMetricsOnly);
  ASSERT_EQ(backend_.live().size(), 1U);
  EXPECT_DOUBLE_EQ(KeepRatio(), 0);
}

TEST_F(OverheadTest, HasNoLimitWhereNoneIsWished) {
  store::ProbeRecord record = controller_->Get("shop")->record;
  AfterSeconds(3, 50'000);
  record.spec.max_overhead = 0;
  const absl::StatusOr<Probe> updated = controller_->Update(record, "", false);

  // At once, not by the next trial.
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->status.state, ProbeState::kActive);
  EXPECT_EQ(AfterSeconds(5, 500'000).throttle_level, ThrottleLevel::kNone);
  EXPECT_GT(StatusOf("shop").overhead_ratio, 0.4);
}

TEST_F(OverheadTest, BeginsAnewWithAnotherBudgetAndWithTheDaemon) {
  store::ProbeRecord record = controller_->Get("shop")->record;
  record.spec.max_overhead = 0.1;
  ASSERT_TRUE(controller_->Update(record, "", false).ok());
  EXPECT_EQ(AfterSeconds(5, 90'000).throttle_level, ThrottleLevel::kNone);
  EXPECT_EQ(After(110'000).throttle_level, ThrottleLevel::kSampled);

  Restart();
  EXPECT_EQ(StatusOf("shop").throttle_level, ThrottleLevel::kNone);
  EXPECT_DOUBLE_EQ(controller_->Get("shop")->record.spec.max_overhead, 0.1);
}

TEST_F(OverheadTest, KeepsItsBinaryWhileSuspended) {
  AfterSeconds(3, 50'000);
  ASSERT_TRUE(backend_.live().empty());

  EXPECT_EQ(Refusal(Record("other", path_)), "BINARY_ALREADY_PROBED");
  EXPECT_EQ(Refusal(PidRecord("other", 7)), "BINARY_ALREADY_PROBED");
}

TEST_F(OverheadTest, FollowsAFileThatIsReplacedWhileSuspended) {
  AfterSeconds(3, 50'000);
  proc_.AddProcess(7, Replace(path_));
  const ProbeStatus status = AfterSeconds(5, 0);

  // The processes of the old one still run.
  EXPECT_EQ(backend_.live().size(), 2U);
  EXPECT_EQ(status.attached_binaries, 2U);
}

TEST_F(OverheadTest, OfADisabledProbeIsNone) {
  store::ProbeRecord record = controller_->Get("shop")->record;
  AfterSeconds(3, 50'000);
  record.spec.enabled = false;
  ASSERT_TRUE(controller_->Update(record, "", false).ok());
  EXPECT_EQ(StatusOf("shop").state, ProbeState::kDisabled);
  EXPECT_EQ(StatusOf("shop").throttle_level, ThrottleLevel::kNone);
  record.spec.enabled = true;
  ASSERT_TRUE(controller_->Update(record, "", false).ok());
  EXPECT_EQ(StatusOf("shop").state, ProbeState::kActive);
}

TEST_F(OverheadTest, WaitsForAProcessThatExitsWhileSuspended) {
  proc_.AddProcess(9, Binary("till"));
  ASSERT_TRUE(Create(PidRecord("till", 9)).ok());
  AfterSeconds(3, 50'000);
  EXPECT_EQ(StatusOf("till").state, ProbeState::kSuspended);

  proc_.RemoveProcess(9);
  controller_->ReconcileNow();

  EXPECT_EQ(StatusOf("till").state, ProbeState::kWaiting);
  AfterSeconds(30, 0);
  EXPECT_EQ(StatusOf("till").state, ProbeState::kWaiting);
}

}  // namespace
}  // namespace uprobed::control
