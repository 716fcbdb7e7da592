// Which requests become spans, and that each of the others is counted once, by its cause.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/base/unique_fd.h"
#include "server/probe/span_limits.h"
#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {
namespace {

constexpr char kSampled[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr char kNotSampled[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

// Sends one request with a traceparent and waits until the connection is closed.
bool SendWithTraceparent(const std::string& address, const std::string& traceparent,
                         const std::string& path = "/hello") {
  const size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) return false;
  const std::string request =
      "GET " + path +
      " HTTP/1.1\r\nHost: hello\r\nConnection: close\r\ntraceparent: " + traceparent + "\r\n\r\n";
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return false;
  }
  char answer[4096];
  bool answered = false;
  while (recv(fd.get(), answer, sizeof(answer), 0) > 0) answered = true;
  return answered;
}

class LimitsTest : public KernelTest, public ::testing::WithParamInterface<TargetProgram> {
 protected:
  LimitsTest() = default;
  explicit LimitsTest(const probe::BpfObjectOptions& options) : KernelTest(options) {}

  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    target_ = RunningTarget::Start(OwnCopy(GetParam().path));
    ASSERT_TRUE(target_.has_value());
  }

  void TearDown() override {
    backend_.SetSpansStreamed(false);
    ExpectBalance(attachment_.get());
  }

  void AttachWith(const SpanLimits& limits) {
    span_limits_ = limits;
    attachment_ = Attach(OwnCopy(GetParam().path));
    ASSERT_NE(attachment_, nullptr);
  }

  void Send(const std::string& path, int total, const std::vector<std::string>& options = {}) {
    ASSERT_EQ(Load("http://" + target_->address + path, total, 2, options), 0);
  }

  // All spans of `requests`, each of which has become one, or is counted by why it has not.
  std::vector<span::Span> SpansOf(uint64_t requests) {
    constexpr up_counter kCounters[] = {
        UP_COUNTER_EVENTS_SUBMITTED,   UP_COUNTER_SUPPRESSED_FILTERED,
        UP_COUNTER_SUPPRESSED_SAMPLED, UP_COUNTER_SUPPRESSED_RATE_LIMITED,
        UP_COUNTER_SUPPRESSED_BUDGET,  UP_COUNTER_SUPPRESSED_UNSTREAMED,
        UP_COUNTER_LOST_RING_FULL,     UP_COUNTER_LOST_MAP_FULL,
        UP_COUNTER_LOST_NO_START,      UP_COUNTER_LOST_ABANDONED,
        UP_COUNTER_LOST_READ_FAULT,    UP_COUNTER_LOST_PREEMPTED};
    uint64_t accounted = 0;
    for (const up_counter counter : kCounters) accounted += Counter(counter);
    EXPECT_EQ(accounted, requests);
    EXPECT_EQ(backend_.InFlight(), 0U);
    const uint64_t submitted = Counter(UP_COUNTER_EVENTS_SUBMITTED);
    loop_.Stop();  // what is in the ring buffer is delivered
    EXPECT_EQ(spans_.All().size(), submitted);
    return spans_.All();
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

  uint64_t Counter(up_counter counter) const { return attachment_->counters().value[counter]; }

  std::optional<RunningTarget> target_;
  std::unique_ptr<probe::Attachment> attachment_;
};

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

TEST_P(LimitsTest, SpansAreMadeWhileSomebodyStreamsThem) {
  AttachWith({.only_while_streamed = true});
  Eventless();  // of tests before

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

// Also those that are made on other goroutines than the one that serves, and on connections that
// have served requests of which nothing was read.
TEST_P(LimitsTest, SpansOfAConnectionComeAndGoWithWhoStreamsThem) {
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

TEST_P(LimitsTest, NobodyStreamingIsTheFirstReasonOfAll) {
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
TEST_P(LimitsTest, AParentsDecisionIsKnownAlsoWhileNobodyStreams) {
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

std::vector<TargetProgram> OldestAndNewest() {
  const std::vector<TargetProgram> all = AvailableTargets("hello");
  if (all.size() < 2) return all;
  return {all.front(), all.back()};
}

std::string NameOf(const ::testing::TestParamInfo<TargetProgram>& target) {
  std::string name = target.param.path.filename().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LimitsTest);
INSTANTIATE_TEST_SUITE_P(Go, LimitsTest, ::testing::ValuesIn(OldestAndNewest()), NameOf);

}  // namespace
}  // namespace uprobed::testing
