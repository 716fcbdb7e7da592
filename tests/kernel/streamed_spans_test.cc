// Spans that are made only while somebody streams them.
#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "tests/kernel/limits_fixture.h"

namespace uprobed::testing {
namespace {

class StreamedSpansTest : public LimitsTest {
 protected:
  void SetUp() override {
    LimitsTest::SetUp();
    backend_.SetSpansStreamed(false);
  }

  // A subscriber that is there now and then, until the thread is joined.
  std::jthread ComeAndGo() {
    return std::jthread([this](const std::stop_token& stop) {
      for (bool streamed = true; !stop.stop_requested(); streamed = !streamed) {
        backend_.SetSpansStreamed(streamed);
        std::this_thread::yield();
      }
    });
  }

  // Requests that went into the metrics without a span.
  uint64_t Eventless() {
    uint64_t total = 0;
    for (const probe::RequestSums& sums : backend_.TakeRequestSums()) {
      for (const uint64_t count : sums.metrics.duration.counts) total += count;
    }
    return total;
  }
};

TEST_P(StreamedSpansTest, SpansAreMadeWhileSomebodyStreamsThem) {
  AttachWith({.only_while_streamed = true});
  Eventless();  // of tests before, which have the same kernel

  Send("/call", 20);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_UNSTREAMED), 60U);
  EXPECT_EQ(Counter(UP_COUNTER_EVENTS_SUBMITTED), 0U);
  EXPECT_EQ(Eventless(), 60U);

  backend_.SetSpansStreamed(true);
  Send("/call", 10);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_UNSTREAMED), 60U);
  EXPECT_EQ(Eventless(), 0U);

  backend_.SetSpansStreamed(false);
  Send("/call", 5);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_UNSTREAMED), 75U);
  EXPECT_EQ(Eventless(), 15U);

  const std::vector<span::Span> spans = SpansOf(105);
  ASSERT_EQ(spans.size(), 30U);
  std::set<span::SpanId> served;
  for (const span::Span& span : spans) {
    if (IsServer(span)) served.insert(span.span_id);
  }
  for (const span::Span& span : spans) {
    if (IsClient(span)) {
      EXPECT_EQ(served.count(span.parent_span_id), 1U);
    }
  }
}

// Of a probe that makes them all the time, nothing is read that only spans tell.
TEST_P(StreamedSpansTest, AddressesOfServedRequestsAreReadWhileSomebodyStreams) {
  AttachWith({});
  Send("/call", 10);
  backend_.SetSpansStreamed(true);
  Send("/call", 10);

  const std::vector<span::Span> spans = SpansOf(60);
  ASSERT_EQ(spans.size(), 60U);
  for (size_t i = 0; i < spans.size(); ++i) {
    const span::Span& span = spans[i];
    EXPECT_EQ(span.unstreamed, IsServer(span) && i < 30);
    EXPECT_EQ(span.server_address, span.unstreamed ? "" : "127.0.0.1");
    EXPECT_EQ(span.peer_address, span.unstreamed || IsClient(span) ? "" : "127.0.0.1");
    EXPECT_EQ(span.method, "GET");
    EXPECT_EQ(span.status_code, 200U);
  }
}

// Also those that are made on other goroutines than the one that serves, and on connections that
// have served requests of which nothing was read.
TEST_P(StreamedSpansTest, SpansOfAConnectionComeAndGoWithWhoStreamsThem) {
  AttachWith({.only_while_streamed = true});
  {
    const std::jthread subscriber = ComeAndGo();
    Send("/elsewhere", 2000);
  }
  const uint64_t suppressed = Counter(UP_COUNTER_SUPPRESSED_UNSTREAMED);
  EXPECT_GT(suppressed, 0U);
  EXPECT_GT(Counter(UP_COUNTER_EVENTS_SUBMITTED), 0U);
  backend_.SetSpansStreamed(true);
  Send("/elsewhere", 10);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_UNSTREAMED), suppressed);

  SpansOf(Counter(UP_COUNTER_HITS_SERVER_START) + Counter(UP_COUNTER_HITS_CLIENT_START) -
          Counter(UP_COUNTER_REPEATED_START));
  target_.reset();
  backend_.ForgetExitedProcesses();
  EXPECT_EQ(backend_.ContextsInFlight(), 0U);
}

TEST_P(StreamedSpansTest, NobodyStreamingIsTheFirstReasonOfAll) {
  AttachWith({.methods = {"POST"}, .sample_ratio = 0, .only_while_streamed = true});
  ASSERT_TRUE(attachment_->SetSpanKeepRatio(0).ok());
  Send("/hello", 20);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_UNSTREAMED), 20U);

  backend_.SetSpansStreamed(true);
  Send("/hello", 5);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_FILTERED), 5U);
  ASSERT_TRUE(attachment_->SetSpanLimits({.sample_ratio = 0, .only_while_streamed = true}).ok());
  Send("/hello", 5);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_SAMPLED), 5U);

  // Each is taken back without the others.
  backend_.SetSpansStreamed(false);
  ASSERT_TRUE(attachment_->SetSpanKeepRatio(1).ok());
  ASSERT_TRUE(attachment_->SetSpanLimits({.only_while_streamed = true}).ok());
  Send("/hello", 5);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_UNSTREAMED), 25U);
  ASSERT_TRUE(attachment_->SetSpanLimits({}).ok());
  Send("/hello", 5);
  EXPECT_EQ(SpansOf(40).size(), 5U);
}

// What its caller decided holds for the calls that are made for a request, also where somebody
// began to stream between the two.
TEST_P(StreamedSpansTest, AParentsDecisionIsKnownAlsoWhileNobodyStreams) {
  AttachWith({.sample_ratio = 1, .only_while_streamed = true});
  {
    const std::jthread subscriber = ComeAndGo();
    for (int i = 0; i < 300; ++i) {
      ASSERT_TRUE(SendWithTraceparent(target_->address, kNotSampled, "/call"));
    }
  }

  EXPECT_GT(Counter(UP_COUNTER_SUPPRESSED_UNSTREAMED), 0U);
  EXPECT_GT(Counter(UP_COUNTER_SUPPRESSED_SAMPLED), 0U);
  // Nobody tells the ones that are called of the decision.
  for (const span::Span& span : SpansOf(900)) EXPECT_TRUE(IsServer(span) && span.path == "/hello");
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StreamedSpansTest);
INSTANTIATE_TEST_SUITE_P(Go, StreamedSpansTest, ::testing::ValuesIn(LimitedTargets()),
                         LimitedTargetName);

}  // namespace
}  // namespace uprobed::testing
