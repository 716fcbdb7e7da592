// What hits cost is measured, and a probe over its budget keeps fewer spans and all of its metrics.
#include <gtest/gtest.h>

#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "tests/kernel/kernel_fixture.h"
#include "tests/support/targets.h"

namespace uprobed::testing {
namespace {

class OverheadTest : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    const std::vector<TargetProgram> all = AvailableTargets("hello");
    if (all.empty()) GTEST_SKIP() << "no Go programs: run scripts/build_targets";
    target_ = RunningTarget::Start(OwnCopy(all.back().path));
    ASSERT_TRUE(target_.has_value());
    attachment_ = Attach(OwnCopy(all.back().path));
    ASSERT_NE(attachment_, nullptr);
  }

  uint64_t Counter(up_counter counter) const { return attachment_->counters().value[counter]; }
  std::string Url(const std::string& path) const { return "http://" + target_->address + path; }

  // Requests that went into the metrics without a span.
  uint64_t Eventless() {
    uint64_t total = 0;
    for (const probe::RequestSums& sums : backend_.TakeRequestSums()) {
      for (const uint64_t count : sums.metrics.duration.counts) total += count;
    }
    return total;
  }

  std::optional<RunningTarget> target_;
  std::unique_ptr<probe::Attachment> attachment_;
};

TEST_F(OverheadTest, TrapsAreMeasuredOnTheDaemonsOwnCode) {
  const probe::HitCosts costs = backend_.MeasureHitCosts();

  EXPECT_FALSE(costs.trap == probe::TrapCosts());
  EXPECT_GT(costs.trap.emulated_ns, 0);
  EXPECT_GT(costs.trap.single_stepped_ns, 0);
  RecordProperty("emulated_ns", static_cast<int>(costs.trap.emulated_ns));
  RecordProperty("single_stepped_ns", static_cast<int>(costs.trap.single_stepped_ns));
}

TEST_F(OverheadTest, ProgramsThatRunAreMeasured) {
  auto load = std::async(std::launch::async, [this] { return Load(Url("/hello"), 20'000, 4); });
  // The load ends some time; then at the latest this does.
  double ns = probe::HitCosts::kAssumedProgramNs;
  while (ns == probe::HitCosts::kAssumedProgramNs &&
         load.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    ns = backend_.MeasureHitCosts().program_ns[UP_COUNTER_HITS_SERVER_END];
  }

  EXPECT_EQ(load.get(), 0);
  EXPECT_NE(ns, probe::HitCosts::kAssumedProgramNs);
  EXPECT_GT(ns, 0);
  RecordProperty("server_end_ns", static_cast<int>(ns));
}

TEST_F(OverheadTest, TracesAreKeptWholeOrNotAtAll) {
  ASSERT_TRUE(attachment_->SetSpanKeepRatio(0.5).ok());

  ASSERT_EQ(Load(Url("/call"), 200, 2), 0);

  const uint64_t submitted = Counter(UP_COUNTER_EVENTS_SUBMITTED);
  EXPECT_EQ(submitted + Counter(UP_COUNTER_SUPPRESSED_BUDGET), 600U);
  EXPECT_GT(submitted, 0U);
  EXPECT_LT(submitted, 600U);
  EXPECT_EQ(Eventless(), 600U - submitted);
  loop_.Stop();
  // A call and the request that it is made for have one trace id, so that either both are there or
  // none.
  std::map<span::TraceId, int> spans_of_trace;
  uint64_t callers = 0;
  for (const span::Span& span : spans_.All()) {
    ++spans_of_trace[span.trace_id];
    if (IsClient(span)) ++callers;
  }
  EXPECT_EQ(spans_.All().size(), submitted);
  EXPECT_EQ(submitted - spans_of_trace.size(), callers);
}

TEST_F(OverheadTest, MetricsStayCompleteWithoutAnySpan) {
  ASSERT_TRUE(attachment_->SetSpanKeepRatio(0).ok());

  ASSERT_EQ(Load(Url("/call"), 50, 2), 0);
  EXPECT_EQ(Counter(UP_COUNTER_EVENTS_SUBMITTED), 0U);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_BUDGET), 150U);
  EXPECT_EQ(Eventless(), 150U);

  ASSERT_TRUE(attachment_->SetSpanKeepRatio(1).ok());
  ASSERT_EQ(Load(Url("/call"), 50, 2), 0);
  EXPECT_EQ(Counter(UP_COUNTER_EVENTS_SUBMITTED), 150U);
  EXPECT_EQ(backend_.InFlight(), 0U);
}

TEST_F(OverheadTest, WhatTheUserLimitsIsNotCountedForTheBudget) {
  ASSERT_TRUE(attachment_->SetSpanLimits({.path_prefixes = {"/call"}}).ok());
  ASSERT_TRUE(attachment_->SetSpanKeepRatio(0).ok());
  ASSERT_EQ(Load(Url("/call"), 10), 0);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_FILTERED), 20U);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_BUDGET), 10U);

  // Neither forgets the other.
  ASSERT_TRUE(attachment_->SetSpanLimits({}).ok());
  ASSERT_EQ(Load(Url("/hello"), 10), 0);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_BUDGET), 20U);
  ASSERT_TRUE(attachment_->SetSpanKeepRatio(1).ok());
  ASSERT_EQ(Load(Url("/hello"), 10), 0);
  EXPECT_EQ(Counter(UP_COUNTER_EVENTS_SUBMITTED), 10U);
}

}  // namespace
}  // namespace uprobed::testing
