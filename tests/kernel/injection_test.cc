// The header traceparent, written into requests of real programs: of every supported Go release, as
// built by default and stripped. What exactly comes in at the other end,
// tests/e2e/injection_test.py looks at.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {
namespace {

class InjectedRequests : public KernelTest, public ::testing::WithParamInterface<TargetProgram> {
 protected:
  void TearDown() override { ExpectBalance(attachment_.get()); }

  void Start(bool inject) {
    inject_traceparent_ = inject;
    attachment_ = Attach(OwnCopy(GetParam().path));
    if (!refusal_.ok()) GTEST_SKIP() << refusal_;
    ASSERT_NE(attachment_, nullptr);
    target_ = RunningTarget::Start(OwnCopy(GetParam().path));
    ASSERT_TRUE(target_.has_value());
  }

  std::string Url(const std::string& path) const { return "http://" + target_->address + path; }
  uint64_t Counter(up_counter counter) const { return attachment_->counters().value[counter]; }

  // The spans of what /call serves, makes and serves again.
  struct Calls {
    std::map<span::SpanId, span::Span> made;
    std::vector<span::Span> served;
  };
  Calls CallsOf(int total) {
    spans_.Clear();
    EXPECT_EQ(Load(Url("/call"), total, 4), 0);
    Calls calls;
    for (const span::Span& span : spans_.Wait(static_cast<size_t>(total), IsClient)) {
      calls.made[span.span_id] = span;
    }
    calls.served = spans_.Wait(static_cast<size_t>(total), [](const span::Span& span) {
      return IsServer(span) && span.path == "/hello";
    });
    EXPECT_EQ(calls.made.size(), static_cast<size_t>(total));
    EXPECT_EQ(calls.served.size(), static_cast<size_t>(total));
    return calls;
  }

  std::unique_ptr<probe::Attachment> attachment_;
  std::optional<RunningTarget> target_;
};

TEST_P(InjectedRequests, AreTheParentsOfWhatIsServedForThem) {
  constexpr int kRequests = 200;
  ASSERT_NO_FATAL_FAILURE(Start(true));
  if (IsSkipped()) return;

  const Calls calls = CallsOf(kRequests);

  for (const span::Span& span : calls.served) {
    EXPECT_EQ(span.parent_source, span::ParentSource::kTraceparent);
    const auto parent = calls.made.find(span.parent_span_id);
    ASSERT_NE(parent, calls.made.end());
    EXPECT_EQ(parent->second.trace_id, span.trace_id);
  }
  const uint64_t hits =
      Counter(UP_COUNTER_HITS_CLIENT_CONNECTION) + Counter(UP_COUNTER_HITS_CLIENT_HEADERS);
  fmt::print("{}: {} of {} injected, {} hits\n", GetParam().path.filename().string(),
             Counter(UP_COUNTER_INJECTED), kRequests, hits);
  EXPECT_EQ(Counter(UP_COUNTER_INJECTED), static_cast<uint64_t>(kRequests));
  EXPECT_EQ(Counter(UP_COUNTER_HITS_CLIENT_HEADERS), static_cast<uint64_t>(kRequests));
  EXPECT_EQ(attachment_->single_stepped_site_count(), 0U);
  EXPECT_EQ(backend_.InFlight(), 0U);
  EXPECT_EQ(backend_.HeadersInFlight(), 0U);
}

TEST_P(InjectedRequests, AreNoneWithoutTheOption) {
  constexpr int kRequests = 50;
  ASSERT_NO_FATAL_FAILURE(Start(false));

  const Calls calls = CallsOf(kRequests);

  for (const span::Span& span : calls.served) {
    EXPECT_EQ(span.parent_source, span::ParentSource::kNone);
  }
  EXPECT_EQ(Counter(UP_COUNTER_HITS_CLIENT_CONNECTION), 0U);
  EXPECT_EQ(Counter(UP_COUNTER_HITS_CLIENT_HEADERS), 0U);
}

std::string InjectedTargetName(const ::testing::TestParamInfo<TargetProgram>& target) {
  std::string name = target.param.path.filename().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return name;
}

// Where a binary has its names from makes no difference to what is written.
std::vector<TargetProgram> StrippedHellos() {
  std::vector<TargetProgram> targets = AvailableTargets("hello");
  std::erase_if(targets, [](const TargetProgram& target) { return !target.stripped; });
  return targets;
}

INSTANTIATE_TEST_SUITE_P(Versions, InjectedRequests, ::testing::ValuesIn(StrippedHellos()),
                         InjectedTargetName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(InjectedRequests);

}  // namespace
}  // namespace uprobed::testing
