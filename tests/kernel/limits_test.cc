// Which requests become spans, and that each of the others is counted once, by its cause.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/probe/span_limits.h"
#include "tests/kernel/limits_fixture.h"

namespace uprobed::testing {
namespace {

TEST_P(LimitsTest, OnlyTheMethodsAskedFor) {
  AttachWith({.methods = {"PUT", "POST"}});

  Send("/hello", 20);
  Send("/post", 10, {"-method", "POST", "-body", "5"});

  const std::vector<span::Span> spans = SpansOf(30);
  ASSERT_EQ(spans.size(), 10U);
  for (const span::Span& span : spans) EXPECT_EQ(span.method, "POST");
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_FILTERED), 20U);
}

TEST_P(LimitsTest, OnlyThePathsAskedFor) {
  // The longest prefix there may be, and one that is not quite the path.
  AttachWith({.path_prefixes = {"/status/2", "/hellp", "/hello/" + std::string(57, 'x')}});

  Send("/status/204", 10);
  Send("/status/404", 5);
  Send("/hello", 5);
  Send("/hello/" + std::string(57, 'x') + "yz", 3);
  Send("/hello/" + std::string(56, 'x') + "yz", 3);

  const std::vector<span::Span> spans = SpansOf(26);
  std::map<std::string, int> paths;
  for (const span::Span& span : spans) ++paths[span.path];
  EXPECT_EQ(paths, (std::map<std::string, int>{{"/status/204", 10},
                                               {"/hello/" + std::string(57, 'x') + "yz", 3}}));
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_FILTERED), 13U);
}

TEST_P(LimitsTest, OnlyTheStatusClassesAskedFor) {
  AttachWith({.status_classes = 1U << 2 | 1U << 5});

  Send("/nothing", 4);  // whose status net/http writes
  Send("/status/404", 10);
  Send("/status/503", 6);

  const std::vector<span::Span> spans = SpansOf(20);
  std::map<uint32_t, int> statuses;
  for (const span::Span& span : spans) ++statuses[span.status_code];
  EXPECT_EQ(statuses, (std::map<uint32_t, int>{{200, 4}, {503, 6}}));
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_FILTERED), 10U);
}

TEST_P(LimitsTest, OnlyWhatTakesLongEnough) {
  AttachWith({.min_duration_ns = 1'000'000'000});

  Send("/hello", 20);
  Send("/slow?ms=1001", 2);

  const std::vector<span::Span> spans = SpansOf(22);
  ASSERT_EQ(spans.size(), 2U);
  for (const span::Span& span : spans) EXPECT_GE(span.duration_ns(), 1'000'000'000);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_FILTERED), 20U);
}

// Calls are judged by themselves: the one for /hello, made by what serves /call.
TEST_P(LimitsTest, FiltersJudgeCallsByThemselves) {
  AttachWith({.path_prefixes = {"/call"}});

  Send("/call", 10);

  const std::vector<span::Span> spans = SpansOf(30);
  ASSERT_EQ(spans.size(), 10U);
  for (const span::Span& span : spans) EXPECT_EQ(span.path, "/call");
}

TEST_P(LimitsTest, ARatioOfZeroKeepsNoTraceThatBeginsHere) {
  AttachWith({.sample_ratio = 0});

  Send("/call", 20);

  EXPECT_EQ(SpansOf(60).size(), 0U);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_SAMPLED), 60U);
}

TEST_P(LimitsTest, ARatioOfOneKeepsEveryTraceThatBeginsHere) {
  AttachWith({.sample_ratio = 1});

  Send("/call", 20);

  EXPECT_EQ(SpansOf(60).size(), 60U);
}

TEST_P(LimitsTest, ATraceIsSampledAsAWhole) {
  AttachWith({.sample_ratio = 0.5});

  Send("/call", 400);

  const std::vector<span::Span> spans = SpansOf(1200);
  // Each of 800 traces (the served call is one of its own) is kept with one half: five standard
  // deviations are 71.
  std::set<span::SpanId> served;
  uint64_t traces = 0;
  for (const span::Span& span : spans) {
    if (IsServer(span)) ++traces;
    if (IsServer(span)) served.insert(span.span_id);
    EXPECT_EQ(span.trace_flags, 1);
  }
  EXPECT_GT(traces, 329U);
  EXPECT_LT(traces, 471U);
  uint64_t callers = 0;
  for (const span::Span& span : spans) {
    if (IsClient(span)) {
      EXPECT_EQ(served.count(span.parent_span_id), 1U);
    }
    if (IsServer(span) && span.path == "/call") ++callers;
  }
  EXPECT_EQ(traces + callers, spans.size());
}

TEST_P(LimitsTest, AParentsDecisionIsObeyedWhateverTheRatio) {
  AttachWith({.sample_ratio = 0});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(SendWithTraceparent(target_->address, kSampled));
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(SendWithTraceparent(target_->address, kNotSampled));

  ASSERT_TRUE(attachment_->SetSpanLimits({.sample_ratio = 1}).ok());
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(SendWithTraceparent(target_->address, kNotSampled));

  ASSERT_TRUE(attachment_->SetSpanLimits({}).ok());
  ASSERT_TRUE(SendWithTraceparent(target_->address, kNotSampled));

  EXPECT_EQ(SpansOf(20).size(), 6U);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_SAMPLED), 14U);
}

TEST_P(LimitsTest, ABurstIsNeverExceeded) {
  // The next is due after a quarter of an hour.
  AttachWith({.spans_per_second = 0.001, .burst = 5});

  Send("/hello", 100);

  EXPECT_EQ(SpansOf(100).size(), 5U);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_RATE_LIMITED), 95U);
}

TEST_P(LimitsTest, ARateIsNeverExceededInAnyPeriod) {
  const SpanLimits limits{.spans_per_second = 500, .burst = 20};
  const up_span_limits exact = probe::MakeSpanLimits(limits);
  AttachWith(limits);

  Send("/hello", 3000);

  const std::vector<span::Span> spans = SpansOf(3000);
  EXPECT_GE(spans.size(), 20U);
  std::vector<int64_t> ends;
  for (const span::Span& span : spans) ends.push_back(span.end_unix_ns);
  std::sort(ends.begin(), ends.end());
  for (size_t first = 0; first < ends.size(); ++first) {
    for (size_t last = first; last < ends.size(); ++last) {
      const auto period = static_cast<uint64_t>(ends[last] - ends[first]);
      ASSERT_LE((last - first) * exact.rate_interval_ns, period + exact.rate_burst_ns);
    }
  }
}

TEST_P(LimitsTest, FiltersComeBeforeTheRate) {
  AttachWith({.path_prefixes = {"/status"}, .spans_per_second = 0.001, .burst = 5});

  Send("/hello", 50);
  Send("/status/404", 10);

  EXPECT_EQ(SpansOf(60).size(), 5U);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_FILTERED), 50U);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_RATE_LIMITED), 5U);
}

TEST_P(LimitsTest, OtherLimitsTakeEffectWithoutAnAttach) {
  AttachWith({});
  Send("/hello", 10);

  ASSERT_TRUE(attachment_->SetSpanLimits({.methods = {"POST"}}).ok());
  Send("/hello", 20);
  ASSERT_TRUE(attachment_->SetSpanLimits({.methods = {"GET"}}).ok());
  Send("/hello", 5);
  ASSERT_TRUE(attachment_->SetSpanLimits({}).ok());
  Send("/hello", 3);

  EXPECT_EQ(SpansOf(38).size(), 18U);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_FILTERED), 20U);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LimitsTest);
INSTANTIATE_TEST_SUITE_P(Go, LimitsTest, ::testing::ValuesIn(LimitedTargets()), LimitedTargetName);

}  // namespace
}  // namespace uprobed::testing
