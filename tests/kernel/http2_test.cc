// HTTP/2 over TLS on every supported Go release: as many spans as requests, with the right content.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {
namespace {

class Http2 : public KernelTest, public ::testing::WithParamInterface<TargetProgram> {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    attachment_ = Attach(OwnCopy(GetParam().path));
    ASSERT_NE(attachment_, nullptr);
    target_ = RunningTarget::Start(OwnCopy(GetParam().path), /*tls=*/true);
    ASSERT_TRUE(target_.has_value());
  }

  void TearDown() override { ExpectBalance(attachment_.get()); }

  // Sends `total` requests for `path` over HTTP/2; 0 where each was answered.
  int Load(const std::string& path, int total, int connections = 1,
           std::vector<std::string> options = {}) {
    options.push_back("-http2");
    return KernelTest::Load("https://" + target_->address + path, total, connections, options);
  }

  uint64_t Counter(up_counter counter) const { return attachment_->counters().value[counter]; }

  void ExpectNoLoss() const {
    EXPECT_EQ(Counter(UP_COUNTER_LOST_RING_FULL), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_MAP_FULL), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_NO_START), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_ABANDONED), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_READ_FAULT), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_FIELD_UNREAD), 0U);
    EXPECT_EQ(backend_.InFlight(), 0U);
  }

  // The one span of a request for `path` that ends in another way than by the handler's return.
  void ExpectEnd(const std::string& path, uint32_t status, const std::string& error) {
    spans_.Clear();
    Load(path, 1);
    const auto spans = spans_.Wait(1, IsServer);
    ASSERT_EQ(spans.size(), 1U) << path;
    EXPECT_EQ(spans[0].path, path);
    EXPECT_EQ(spans[0].status_code, status) << path;
    EXPECT_EQ(spans[0].error_type, error) << path;
    EXPECT_EQ(spans[0].protocol_version, "2");
  }

  std::unique_ptr<probe::Attachment> attachment_;
  std::optional<RunningTarget> target_;
};

TEST_P(Http2, SpansAreLimited) {
  ASSERT_TRUE(attachment_->SetSpanLimits({.methods = {"POST"}, .status_classes = 1U << 2}).ok());

  ASSERT_EQ(Load("/hello", 50, 4), 0);
  ASSERT_EQ(Load("/post", 20, 4, {"-method", "POST", "-body", "9"}), 0);
  ASSERT_EQ(Load("/status/404", 10, 4, {"-method", "POST"}), 0);

  EXPECT_EQ(spans_.Wait(20, IsServer).size(), 20U);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_FILTERED), 60U);
  EXPECT_EQ(Counter(UP_COUNTER_EVENTS_SUBMITTED), 20U);
  ExpectNoLoss();
}

TEST_P(Http2, SpansAreMadeWhileSomebodyStreamsThem) {
  ASSERT_TRUE(attachment_->SetSpanLimits({.only_while_streamed = true}).ok());
  backend_.SetSpansStreamed(false);

  ASSERT_EQ(Load("/hello", 50, 4), 0);
  backend_.SetSpansStreamed(true);
  ASSERT_EQ(Load("/hello", 20, 4), 0);
  backend_.SetSpansStreamed(false);
  ASSERT_EQ(Load("/hello", 10, 4), 0);

  EXPECT_EQ(spans_.Wait(20, IsServer).size(), 20U);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_UNSTREAMED), 60U);
  EXPECT_EQ(Counter(UP_COUNTER_EVENTS_SUBMITTED), 20U);
  ExpectNoLoss();
}

TEST_P(Http2, AddressesAreReadWhileSomebodyStreams) {
  backend_.SetSpansStreamed(false);

  ASSERT_EQ(Load("/hello", 10, 2), 0);

  const auto spans = spans_.Wait(10, IsServer);
  ASSERT_EQ(spans.size(), 10U);
  for (const span::Span& span : spans) {
    EXPECT_TRUE(span.unstreamed);
    EXPECT_EQ(span.server_address, "");
    EXPECT_EQ(span.peer_address, "");
    EXPECT_EQ(span.path, "/hello");
  }
}

TEST_P(Http2, OneServerSpanAndTwoEmulatedHitsForEachRequest) {
  constexpr int kRequests = 200;

  ASSERT_EQ(Load("/hello", kRequests, 8), 0);

  const auto spans = spans_.Wait(kRequests, IsServer);
  ASSERT_EQ(spans.size(), static_cast<size_t>(kRequests));
  for (const span::Span& span : spans) {
    EXPECT_EQ(span.method, "GET");
    EXPECT_EQ(span.path, "/hello");
    EXPECT_EQ(span.scheme, "https");
    EXPECT_EQ(span.status_code, 200U);
    EXPECT_EQ(span.response_body_size, 3);
    EXPECT_EQ(span.protocol_version, "2");
    EXPECT_EQ(span.peer_address, "127.0.0.1");
    EXPECT_GT(span.peer_port, 0U);
    EXPECT_EQ(span.server_address + ":" + std::to_string(span.server_port), target_->address);
    EXPECT_EQ(span.error_type, "");
    EXPECT_GT(span.end_unix_ns, span.start_unix_ns);
  }
  EXPECT_EQ(Counter(UP_COUNTER_HITS_SERVER_START), 0U);
  EXPECT_EQ(Counter(UP_COUNTER_HITS_HTTP2_SERVER_START),
            kRequests + Counter(UP_COUNTER_REPEATED_START));
  EXPECT_EQ(Counter(UP_COUNTER_HITS_HTTP2_SERVER_END), static_cast<uint64_t>(kRequests));
  EXPECT_EQ(Counter(UP_COUNTER_HITS_SERVER_END), 0U);
  EXPECT_EQ(Counter(UP_COUNTER_HITS_HTTP2_SERVER_UNFINISHED), 0U);
  EXPECT_EQ(attachment_->single_stepped_site_count(), 0U);
  ExpectNoLoss();
}

TEST_P(Http2, MethodStatusSizesAndRouteAreTheRequests) {
  ASSERT_EQ(Load("/status/404", 1), 0);
  ASSERT_EQ(Load("/big?n=123456", 1), 0);
  ASSERT_EQ(Load("/post", 1, 1, {"-method", "POST", "-body", "1000"}), 0);
  ASSERT_EQ(Load("/items/42", 1), 0);
  ASSERT_EQ(Load("/nothing", 1), 0);

  const auto spans = spans_.Wait(5, IsServer);
  ASSERT_EQ(spans.size(), 5U);
  EXPECT_EQ(spans[0].status_code, 404U);
  EXPECT_EQ(spans[0].response_body_size, 0);
  EXPECT_EQ(spans[1].path, "/big");
  EXPECT_EQ(spans[1].response_body_size, 123456);
  EXPECT_EQ(spans[2].method, "POST");
  EXPECT_EQ(spans[2].request_body_size, 1000);
  EXPECT_EQ(spans[2].response_body_size, 10);
  const bool has_patterns = GetParam().go_version >= "go1.22";
  EXPECT_EQ(spans[3].route, has_patterns ? "/items/{id}" : "");
  EXPECT_EQ(spans[4].status_code, 200U);
  EXPECT_EQ(spans[4].response_body_size, 0);
  ExpectNoLoss();
}

TEST_P(Http2, AHandlerThatDoesNotReturnGivesOneSpan) {
  ExpectEnd("/panic", 0, "panic");
  ExpectEnd("/panicwritten", 202, "panic");
  ExpectEnd("/abort", 0, "net/http.ErrAbortHandler");
  ExpectEnd("/goexit", 0, "runtime.Goexit");
  EXPECT_EQ(spans_.All().size(), 1U);
  EXPECT_GT(Counter(UP_COUNTER_HITS_HTTP2_SERVER_UNFINISHED), 3U);
  ExpectNoLoss();
}

TEST_P(Http2, StackGrowthMakesNoSecondSpan) {
  ASSERT_EQ(Load("/deep", 50, 8), 0);

  EXPECT_EQ(spans_.Wait(50, IsServer).size(), 50U);
  ExpectNoLoss();
}

TEST_P(Http2, RequestsOfHttp1AreSeenBesideThoseOfHttp2) {
  ASSERT_EQ(KernelTest::Load("https://" + target_->address + "/hello", 20, 2, {"-insecure"}), 0);
  ASSERT_EQ(Load("/hello", 20, 2), 0);

  const auto spans = spans_.Wait(40, IsServer);
  ASSERT_EQ(spans.size(), 40U);
  const auto of_http1 = std::count_if(spans.begin(), spans.end(), [](const span::Span& span) {
    return span.protocol_version == "1.1";
  });
  EXPECT_EQ(of_http1, 20);
  EXPECT_EQ(Counter(UP_COUNTER_HITS_SERVER_END), 20U);
  EXPECT_EQ(Counter(UP_COUNTER_HITS_HTTP2_SERVER_END), 20U);
  ExpectNoLoss();
}

std::string Http2TestName(const ::testing::TestParamInfo<TargetProgram>& target) {
  std::string name = target.param.go_version + (target.param.stripped ? "_stripped" : "");
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return name;
}

// Every third release and the two newest, stripped, which is the harder case: the site tables and
// the table of offsets are compared for each release.
std::vector<TargetProgram> SomeTargets() {
  std::vector<TargetProgram> targets = AvailableTargets("hello");
  std::erase_if(targets, [](const TargetProgram& target) { return !target.stripped; });
  std::vector<TargetProgram> some;
  for (size_t i = 0; i < targets.size(); ++i) {
    if (i % 3 == 0 || i + 2 >= targets.size()) some.push_back(targets[i]);
  }
  return some;
}

INSTANTIATE_TEST_SUITE_P(Hello, Http2, ::testing::ValuesIn(SomeTargets()), Http2TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Http2);

// HTTP/2 without TLS, served by golang.org/x/net/http2.
class H2c : public KernelTest, public ::testing::WithParamInterface<TargetProgram> {};

TEST_P(H2c, OneServerSpanAndTwoHitsForEachRequest) {
  constexpr uint64_t kRequests = 100;
  const std::unique_ptr<probe::Attachment> attachment = Attach(OwnCopy(GetParam().path));
  ASSERT_NE(attachment, nullptr);
  std::optional<RunningTarget> target = RunningTarget::Start(OwnCopy(GetParam().path));
  ASSERT_TRUE(target.has_value());
  const std::string url = "http://" + target->address;

  ASSERT_EQ(Load(url + "/hello", kRequests, 8, {"-h2c"}), 0);
  const auto spans = spans_.Wait(kRequests, IsServer);
  Load(url + "/panic", 1, 1, {"-h2c"});
  ASSERT_EQ(Load(url + "/created", 1, 1, {"-h2c"}), 0);

  ASSERT_EQ(spans.size(), kRequests);
  for (const span::Span& span : spans) {
    EXPECT_EQ(span.path, "/hello");
    EXPECT_EQ(span.scheme, "http");
    EXPECT_EQ(span.status_code, 200U);
    EXPECT_EQ(span.response_body_size, 3);
    EXPECT_EQ(span.protocol_version, "2");
  }
  const auto all = spans_.Wait(kRequests + 2, IsServer);
  ASSERT_EQ(all.size(), kRequests + 2);
  EXPECT_EQ(all[kRequests].error_type, "panic");
  EXPECT_EQ(all[kRequests + 1].status_code, 201U);
  const up_counters counters = attachment->counters();
  EXPECT_EQ(counters.value[UP_COUNTER_HITS_HTTP2_SERVER_START], kRequests + 2);
  EXPECT_EQ(counters.value[UP_COUNTER_HITS_HTTP2_SERVER_END], kRequests + 1);
  EXPECT_EQ(counters.value[UP_COUNTER_LOST_NO_START], 0U);
  EXPECT_EQ(counters.value[UP_COUNTER_LOST_ABANDONED], 0U);
  EXPECT_EQ(counters.value[UP_COUNTER_LOST_READ_FAULT], 0U);
  ExpectBalance(attachment.get());
}

INSTANTIATE_TEST_SUITE_P(Module, H2c, ::testing::ValuesIn(AvailableTargets("h2c")), Http2TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(H2c);

}  // namespace
}  // namespace uprobed::testing
