// The tracestate beside a traceparent, over HTTP/1, HTTP/2 and gRPC.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {
namespace {

constexpr char kTraceparent[] =
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kTooShort[] = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-0-01";
constexpr char kWithoutTrace[] =
    "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01";

// So many members of 16 bytes, with the commas between them.
std::string Members(int count) {
  std::string list;
  for (int i = 0; i < count; ++i) {
    list += fmt::format("{}key{:02}=valuexxx{:02}", list.empty() ? "" : ",", i, i);
  }
  return list;
}

class TraceState : public KernelTest {
 protected:
  // Sends one request with these headers; its span.
  span::Span Served(const std::vector<std::string>& headers, const std::string& path = "/hello") {
    std::vector<std::string> options;
    if (tls_) options.emplace_back("-http2");
    for (const std::string& header : headers) options.insert(options.end(), {"-header", header});
    spans_.Clear();
    EXPECT_EQ(Load((tls_ ? "https://" : "http://") + target_->address + path, 1, 1, options), 0);
    const std::vector<span::Span> found = spans_.Wait(1, [&](const span::Span& span) {
      return span.kind == span::Kind::kServer && span.path == path;
    });
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? span::Span() : found.front();
  }

  void Start(const std::filesystem::path& program, bool tls) {
    tls_ = tls;
    attachment_ = Attach(OwnCopy(program));
    ASSERT_NE(attachment_, nullptr);
    target_ = RunningTarget::Start(OwnCopy(program), tls);
    ASSERT_TRUE(target_.has_value());
  }

  void ExpectNothingLeft() const {
    EXPECT_EQ(backend_.InFlight(), 0U);
    EXPECT_EQ(backend_.TraceStatesInFlight(), 0U);
    EXPECT_EQ(attachment_->counters().value[UP_COUNTER_LOST_READ_FAULT], 0U);
    EXPECT_EQ(attachment_->counters().value[UP_COUNTER_LOST_PREEMPTED], 0U);
  }

  bool tls_ = false;
  std::unique_ptr<probe::Attachment> attachment_;
  std::optional<RunningTarget> target_;
};

struct ProgramAndProtocol {
  TargetProgram program;
  bool http2;
};

class TraceStateOfHttp : public TraceState,
                         public ::testing::WithParamInterface<ProgramAndProtocol> {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_NO_FATAL_FAILURE(Start(GetParam().program.path, GetParam().http2));
  }

  void TearDown() override { ExpectBalance(attachment_.get()); }
};

TEST_P(TraceStateOfHttp, IsThatBesideTheTraceparent) {
  const span::Span span =
      Served({"tracestate: rojo=00f067aa0ba902b7, congo=t61rcWkgMzE", kTraceparent});

  EXPECT_EQ(span.trace_state, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  EXPECT_EQ(span.parent_source, span::ParentSource::kTraceparent);
  EXPECT_EQ(span.truncated, "");
  EXPECT_EQ(span.status_code, 200U);
  ExpectNothingLeft();
}

TEST_P(TraceStateOfHttp, IsNoneWithoutATraceparentThatIsOne) {
  EXPECT_EQ(Served({"tracestate: rojo=1"}).trace_state, "");
  EXPECT_EQ(Served({"tracestate: rojo=1", kTooShort}).trace_state, "");
  EXPECT_EQ(Served({"tracestate: rojo=1", kWithoutTrace}).trace_state, "");
  EXPECT_EQ(Served({kTraceparent}).trace_state, "");
  EXPECT_EQ(Served({kTraceparent, "tracestatus: rojo=1", "user-agent: x"}).trace_state, "");
  // Of one request it is not that of the next on the same goroutine.
  EXPECT_EQ(Served({kTraceparent, "tracestate: rojo=1"}).trace_state, "rojo=1");
  EXPECT_EQ(Served({kTraceparent}).trace_state, "");
  ExpectNothingLeft();
}

TEST_P(TraceStateOfHttp, IsCutBehindAMember) {
  const std::string fits = Members(30);
  ASSERT_EQ(fits.size(), 30U * 17 - 1);

  const span::Span whole = Served({kTraceparent, "tracestate: " + fits + ",ab"});
  const span::Span cut = Served({kTraceparent, "tracestate: " + fits + ",a=b"});

  EXPECT_EQ(whole.trace_state, "");  // 512 bytes, and "ab" is no member
  EXPECT_EQ(whole.truncated, "");
  EXPECT_EQ(cut.trace_state, fits);
  EXPECT_EQ(cut.truncated, "trace_state");
  EXPECT_EQ(Served({kTraceparent, "tracestate: " + fits}).trace_state, fits);
  ExpectNothingLeft();
}

TEST_P(TraceStateOfHttp, TellsThatFurtherLinesAreMissing) {
  const span::Span span = Served({kTraceparent, "tracestate: a=1", "tracestate: b=2"});

  EXPECT_EQ(span.trace_state, "a=1");
  EXPECT_EQ(span.truncated, "trace_state");
  ExpectNothingLeft();
}

TEST_P(TraceStateOfHttp, OutlivesALimitAndAPanic) {
  ASSERT_TRUE(attachment_->SetSpanLimits({.path_prefixes = {"/hello"}}).ok());
  EXPECT_EQ(Served({kTraceparent, "tracestate: a=1"}).trace_state, "a=1");
  ASSERT_TRUE(attachment_->SetSpanLimits({.path_prefixes = {"/nothing"}}).ok());
  EXPECT_EQ(
      Load((tls_ ? "https://" : "http://") + target_->address + "/hello", 1, 1,
           {tls_ ? "-http2" : "-insecure", "-header", kTraceparent, "-header", "tracestate: a=1"}),
      0);
  ExpectNothingLeft();
}

std::vector<ProgramAndProtocol> OldAndNew() {
  std::vector<ProgramAndProtocol> chosen;
  const std::vector<TargetProgram> all = AvailableTargets("hello");
  for (const TargetProgram& target : all) {
    if (target.stripped) continue;
    const bool at_an_end =
        target.go_version == all.front().go_version || target.go_version == all.back().go_version;
    // Of the last release with maps of buckets, too.
    if (!at_an_end && !target.go_version.starts_with("go1.23")) continue;
    chosen.push_back({target, false});
    chosen.push_back({target, true});
  }
  return chosen;
}

std::string ProtocolTestName(const ::testing::TestParamInfo<ProgramAndProtocol>& param) {
  std::string name = param.param.program.go_version + (param.param.http2 ? "_http2" : "_http1");
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Hello, TraceStateOfHttp, ::testing::ValuesIn(OldAndNew()),
                         ProtocolTestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TraceStateOfHttp);

}  // namespace
}  // namespace uprobed::testing
