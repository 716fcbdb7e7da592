#include "server/probe/span_limits.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "bpf/abi/profile_slot.h"

namespace uprobed::probe {
namespace {

TEST(MakeSpanLimits, LimitNothingWhereNothingIsAskedFor) {
  const up_span_limits limits = MakeSpanLimits({});

  const up_span_limits nothing{};
  EXPECT_EQ(std::memcmp(&limits, &nothing, sizeof(limits)), 0);
  EXPECT_FALSE(SpanLimits{}.any());
  EXPECT_TRUE(SpanLimits{.sample_ratio = 1}.any());
}

TEST(SpanLimitFlags, LetTheProgramsLookUpOnlyWhatTheyHaveTo) {
  EXPECT_EQ(SpanLimitFlags({}), 0U);
  EXPECT_EQ(SpanLimitFlags({.sample_ratio = 1}), UP_SLOT_LIMITED);
  EXPECT_EQ(SpanLimitFlags({}, 0.1), UP_SLOT_LIMITED);
  EXPECT_EQ(SpanLimitFlags({.only_while_streamed = true}), UP_SLOT_ONLY_STREAMED);
  EXPECT_EQ(SpanLimitFlags({.only_while_streamed = true}, 0.1),
            UP_SLOT_ONLY_STREAMED | UP_SLOT_LIMITED);
  EXPECT_EQ(SpanLimitFlags({.methods = {"GET"}, .only_while_streamed = true}),
            UP_SLOT_ONLY_STREAMED | UP_SLOT_LIMITED);
}

TEST(MakeSpanLimits, PadMethodsWithZeros) {
  const up_span_limits limits = MakeSpanLimits({.methods = {"GET", "PROPPATCH"}});

  ASSERT_EQ(limits.method_count, 2U);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(limits.methods[0]), 16),
            std::string("GET") + std::string(13, '\0'));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(limits.methods[1]), 16),
            std::string("PROPPATCH") + std::string(7, '\0'));
}

TEST(MakeSpanLimits, SayWhichBytesOfAPrefixCount) {
  const std::string longest = "/" + std::string(UP_LIMIT_PREFIX_MAX - 1, 'x');

  const up_span_limits limits = MakeSpanLimits({.path_prefixes = {"/api", longest}});

  ASSERT_EQ(limits.prefix_count, 2U);
  EXPECT_EQ(std::memcmp(limits.prefixes[0].text, "/api\0", 5), 0);
  EXPECT_EQ(limits.prefixes[0].mask[0], 0xffffffffU);
  EXPECT_EQ(limits.prefixes[0].mask[1], 0U);
  EXPECT_EQ(std::memcmp(limits.prefixes[1].text, longest.data(), longest.size()), 0);
  EXPECT_EQ(limits.prefixes[1].mask[7], ~uint64_t{0});
}

TEST(MakeSpanLimits, LeaveOutWhatHasNoRoom) {
  EXPECT_EQ(MakeSpanLimits({.methods = std::vector<std::string>(9, "GET")}).method_count, 8U);
  EXPECT_EQ(MakeSpanLimits({.path_prefixes = std::vector<std::string>(9, "/")}).prefix_count, 8U);
  EXPECT_EQ(MakeSpanLimits({.path_prefixes = {std::string(65, '/')}}).prefix_count, 0U);
}

TEST(MakeSpanLimits, TurnARatioIntoAThresholdOf56Bits) {
  constexpr uint64_t kAll = uint64_t{1} << 56;

  EXPECT_EQ(MakeSpanLimits({.sample_ratio = 0}).sample_threshold, kAll);
  EXPECT_EQ(MakeSpanLimits({.sample_ratio = 0.25}).sample_threshold, kAll / 4 * 3);
  EXPECT_EQ(MakeSpanLimits({.sample_ratio = 1}).sample_threshold, 0U);
  EXPECT_EQ(MakeSpanLimits({.sample_ratio = 1}).flags, static_cast<uint32_t>(UP_LIMIT_SAMPLES));
}

TEST(MakeSpanLimits, RoundARateDown) {
  const up_span_limits limits = MakeSpanLimits({.spans_per_second = 3, .burst = 4});

  EXPECT_EQ(limits.rate_interval_ns, 333'333'334U);
  EXPECT_EQ(limits.rate_burst_ns, 3U * 333'333'334U);
}

TEST(MakeSpanLimits, GiveABurstOfOneSecondWhereNoneIsAskedFor) {
  EXPECT_EQ(MakeSpanLimits({.spans_per_second = 100}).rate_burst_ns, 990'000'000U);
  EXPECT_EQ(MakeSpanLimits({.spans_per_second = 0.5}).rate_burst_ns, 0U);
}

}  // namespace
}  // namespace uprobed::probe
