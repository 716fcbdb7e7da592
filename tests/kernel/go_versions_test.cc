// Every supported Go release, as built by default and stripped: each request gives exactly one span
// with the right content.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {
namespace {

class GoVersions : public KernelTest, public ::testing::WithParamInterface<TargetProgram> {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    attachment_ = Attach(OwnCopy(GetParam().path));
    ASSERT_NE(attachment_, nullptr);
    target_ = RunningTarget::Start(OwnCopy(GetParam().path));
    ASSERT_TRUE(target_.has_value());
  }

  void TearDown() override { ExpectBalance(attachment_.get()); }

  std::string Url(const std::string& path) const { return "http://" + target_->address + path; }
  uint64_t Counter(up_counter counter) const { return attachment_->counters().value[counter]; }

  void ExpectNoLoss() const {
    EXPECT_EQ(Counter(UP_COUNTER_LOST_RING_FULL), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_MAP_FULL), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_NO_START), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_ABANDONED), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_READ_FAULT), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_FIELD_UNREAD), 0U);
    EXPECT_EQ(backend_.InFlight(), 0U);
    EXPECT_EQ(backend_.ContextsInFlight(), 0U);
  }

  // The client spans of a route that makes one request, and that each is the child of a server
  // span.
  void ExpectOneChildEach(const std::string& route, int total,
                          span::ParentSource source = span::ParentSource::kGoroutine) {
    ASSERT_EQ(Load(Url(route), total, 4), 0);
    const auto parents = spans_.Wait(static_cast<size_t>(total), [&route](const span::Span& span) {
      return IsServer(span) && span.path == route;
    });
    const auto children = spans_.Wait(static_cast<size_t>(total), IsClient);
    ASSERT_EQ(parents.size(), static_cast<size_t>(total));
    ASSERT_EQ(children.size(), static_cast<size_t>(total));
    std::map<span::SpanId, const span::Span*> by_id;
    for (const span::Span& parent : parents) by_id[parent.span_id] = &parent;
    for (const span::Span& child : children) {
      EXPECT_EQ(child.method, "GET");
      EXPECT_EQ(child.path, "/hello");
      EXPECT_EQ(child.scheme, "http");
      EXPECT_EQ(child.status_code, 200U);
      EXPECT_EQ(child.response_body_size, 3);
      EXPECT_EQ(child.protocol_version, "1.1");
      EXPECT_EQ(child.server_address + ":" + std::to_string(child.server_port), target_->address);
      EXPECT_EQ(child.parent_source, source);
      ASSERT_EQ(by_id.count(child.parent_span_id), 1U);
      EXPECT_EQ(by_id[child.parent_span_id]->trace_id, child.trace_id);
    }
    ExpectNoLoss();
  }

  std::unique_ptr<probe::Attachment> attachment_;
  std::optional<RunningTarget> target_;
};

TEST_P(GoVersions, OneServerSpanForEachRequest) {
  constexpr int kRequests = 200;

  ASSERT_EQ(Load(Url("/hello"), kRequests, 4), 0);

  const auto spans = spans_.Wait(kRequests, IsServer);
  ASSERT_EQ(spans.size(), static_cast<size_t>(kRequests));
  for (const span::Span& span : spans) {
    EXPECT_EQ(span.method, "GET");
    EXPECT_EQ(span.path, "/hello");
    EXPECT_EQ(span.scheme, "http");
    EXPECT_EQ(span.status_code, 200U);
    EXPECT_EQ(span.response_body_size, 3);
    EXPECT_EQ(span.protocol_version, "1.1");
    EXPECT_EQ(span.peer_address, "127.0.0.1");
    EXPECT_GT(span.peer_port, 0U);
    EXPECT_EQ(span.server_address + ":" + std::to_string(span.server_port), target_->address);
    EXPECT_EQ(span.pid, static_cast<uint32_t>(target_->process.pid()));
    EXPECT_GT(span.end_unix_ns, span.start_unix_ns);
    EXPECT_FALSE(span.has_parent());
    EXPECT_EQ(span.truncated, "");
  }
  ExpectNoLoss();
}

TEST_P(GoVersions, TwoEmulatedHitsForEachServerSpan) {
  constexpr int kRequests = 100;

  ASSERT_EQ(Load(Url("/hello"), kRequests), 0);
  ASSERT_EQ(spans_.Wait(kRequests, IsServer).size(), static_cast<size_t>(kRequests));

  EXPECT_EQ(Counter(UP_COUNTER_HITS_SERVER_START), static_cast<uint64_t>(kRequests));
  EXPECT_EQ(Counter(UP_COUNTER_HITS_SERVER_END), static_cast<uint64_t>(kRequests));
  EXPECT_EQ(Counter(UP_COUNTER_HITS_CLIENT_START), 0U);
  EXPECT_EQ(attachment_->single_stepped_site_count(), 0U);
}

TEST_P(GoVersions, StatusAndSizeAreTheResponses) {
  ASSERT_EQ(Load(Url("/status/404"), 3), 0);
  ASSERT_EQ(Load(Url("/status/503"), 2), 0);
  ASSERT_EQ(Load(Url("/big?n=123456"), 1), 0);

  const auto spans = spans_.Wait(6, IsServer);
  ASSERT_EQ(spans.size(), 6U);
  EXPECT_EQ(spans[0].status_code, 404U);
  EXPECT_EQ(spans[0].error_type, "");
  EXPECT_EQ(spans[3].status_code, 503U);
  EXPECT_EQ(spans[3].error_type, "503");
  EXPECT_EQ(spans[5].path, "/big");
  EXPECT_EQ(spans[5].query, "");
  EXPECT_EQ(spans[5].response_body_size, 123456);
}

TEST_P(GoVersions, ClientSpanThroughHttpClient) { ExpectOneChildEach("/call", 60); }

TEST_P(GoVersions, ClientSpanThroughTransportCalledDirectly) { ExpectOneChildEach("/direct", 60); }

TEST_P(GoVersions, ClientSpanOnAnotherGoroutine) {
  ExpectOneChildEach("/elsewhere", 60, span::ParentSource::kContext);
}

TEST_P(GoVersions, ClientSpanThroughReverseProxy) {
  constexpr int kRequests = 40;

  ASSERT_EQ(Load(Url("/proxy/hello"), kRequests, 4), 0);

  const auto clients = spans_.Wait(kRequests, IsClient);
  ASSERT_EQ(clients.size(), static_cast<size_t>(kRequests));
  for (const span::Span& client : clients) {
    EXPECT_EQ(client.path, "/hello");
    EXPECT_EQ(client.status_code, 200U);
    EXPECT_EQ(client.parent_source, span::ParentSource::kGoroutine);
  }
  const auto servers = spans_.Wait(kRequests, [](const span::Span& span) {
    return IsServer(span) && span.path == "/proxy/hello";
  });
  EXPECT_EQ(servers.size(), static_cast<size_t>(kRequests));
  ExpectNoLoss();
}

TEST_P(GoVersions, TwoHitsForEachClientSpan) {
  constexpr int kRequests = 50;

  ASSERT_EQ(Load(Url("/call"), kRequests), 0);
  ASSERT_EQ(spans_.Wait(kRequests, IsClient).size(), static_cast<size_t>(kRequests));

  EXPECT_EQ(Counter(UP_COUNTER_HITS_CLIENT_START),
            static_cast<uint64_t>(kRequests) + Counter(UP_COUNTER_REPEATED_START));
  EXPECT_EQ(Counter(UP_COUNTER_HITS_CLIENT_END), static_cast<uint64_t>(kRequests));
}

TEST_P(GoVersions, StackGrowthMakesNoSecondSpan) {
  constexpr int kDepths = 120;
  int expected = 0;
  // Each depth is a fresh connection, hence a fresh goroutine with a small stack.
  for (int depth = 0; depth < kDepths; ++depth) {
    ASSERT_EQ(Load(Url("/deepcall?frames=" + std::to_string(depth * 4)), 1), 0);
    ++expected;
  }
  ASSERT_EQ(Load(Url("/deep"), 5), 0);

  const auto clients = spans_.Wait(static_cast<size_t>(expected), IsClient);
  EXPECT_EQ(clients.size(), static_cast<size_t>(expected));
  const auto deep = spans_.Wait(5, [](const span::Span& span) { return span.path == "/deep"; });
  EXPECT_EQ(deep.size(), 5U);
  ExpectNoLoss();
}

TEST_P(GoVersions, DialErrorEndsTheClientSpan) {
  ASSERT_EQ(Load(Url("/dialerror"), 5), 0);

  const auto clients = spans_.Wait(5, IsClient);
  ASSERT_EQ(clients.size(), 5U);
  for (const span::Span& client : clients) {
    EXPECT_EQ(client.path, "/nobody");
    EXPECT_EQ(client.status_code, 0U);
    EXPECT_EQ(client.error_type, "syscall.ECONNREFUSED");
  }
  ExpectNoLoss();
}

TEST_P(GoVersions, RouteIsThePatternOfServeMux) {
  ASSERT_EQ(Load(Url("/items/42"), 1), 0);

  const auto spans = spans_.Wait(1, IsServer);
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0].path, "/items/42");
  const std::string& version = GetParam().go_version;
  const bool has_patterns = version >= "go1.22";
  EXPECT_EQ(spans[0].route, has_patterns ? "/items/{id}" : "");
}

// "go1_24_12_stripped"
std::string TestName(const ::testing::TestParamInfo<TargetProgram>& target) {
  std::string name = target.param.go_version + (target.param.stripped ? "_stripped" : "");
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return name;
}

// Every release stripped, which is the harder case, and the oldest and the newest with symbols and
// DWARF; BuildMatrixTest has each release in both ways.
std::vector<TargetProgram> EachRelease() {
  const std::vector<TargetProgram> all = AvailableTargets("hello");
  std::vector<TargetProgram> chosen;
  for (const TargetProgram& target : all) {
    const bool at_an_end =
        target.go_version == all.front().go_version || target.go_version == all.back().go_version;
    if (target.stripped || at_an_end) chosen.push_back(target);
  }
  return chosen;
}

INSTANTIATE_TEST_SUITE_P(Hello, GoVersions, ::testing::ValuesIn(EachRelease()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GoVersions);

}  // namespace
}  // namespace uprobed::testing
