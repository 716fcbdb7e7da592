#include "server/span/call_matcher.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kAfterServedTimeout = 11'000 * kMs;

OutgoingCall CallAt(uint64_t id, int64_t start_ms, int64_t end_ms) {
  return {.id = id,
          .span_id = {0, 0, 0, 0, 0, 0, 1, static_cast<uint8_t>(id)},
          .service = "stock",
          .network_namespace = 7,
          .authority = "stock:80",
          .target = Target("GET /x"),
          .start_unix_ns = start_ms * kMs,
          .end_unix_ns = end_ms * kMs};
}

ServedRequest ServedAt(int64_t start_ms) {
  return {.service = "stock",
          .target = Target("GET /x"),
          .start_unix_ns = start_ms * kMs,
          .end_unix_ns = (start_ms + 1) * kMs};
}

Target TargetOfSpan(const Span& span) {
  std::string text;
  return TargetOf(span, text);
}

Target TargetOfPath(const std::string& path) {
  Span span;
  span.method = "GET";
  span.path = path;
  return TargetOfSpan(span);
}

size_t CountUnclaimed(CallMatcher& matcher, int64_t now_ns) {
  size_t count = 0;
  while (matcher.TakeUnclaimed(now_ns).has_value()) ++count;
  return count;
}

TEST(TargetOf, IsMethodAndPathWithoutEscapes) {
  EXPECT_EQ(TargetOfPath("/a%2Fb%20c"), Target("GET /a/b c"));
  EXPECT_EQ(TargetOfPath("/100%"), Target("GET /100%"));
  EXPECT_EQ(TargetOfPath("/%g1%4"), Target("GET /%g1%4"));
  EXPECT_EQ(TargetOfPath("/%41"), Target("GET /A"));
}

TEST(TargetOf, OfAnRpcIsItsFullMethod) {
  Span span;
  span.rpc_system = "grpc";
  span.rpc_service = "shop.v1.Stock";
  span.rpc_method = "Reserve";
  EXPECT_EQ(TargetOfSpan(span), Target("/shop.v1.Stock/Reserve"));
}

TEST(TargetOf, ComparesWhatBothSidesRead) {
  const std::string path = "/" + std::string(300, 'a');
  EXPECT_EQ(TargetOfPath(path), TargetOfPath(path.substr(0, 256)));
}

TEST(CallMatcher, PairsInEitherOrderAndOnlyOnce) {
  CallMatcher matcher;
  EXPECT_FALSE(matcher.AddServed(ServedAt(5), 0).has_value());
  EXPECT_TRUE(matcher.AddCall(CallAt(1, 0, 10), 0).has_value());
  EXPECT_FALSE(matcher.AddCall(CallAt(2, 0, 10), 0).has_value());
  EXPECT_EQ(matcher.AddServed(ServedAt(5), 0), 2U);
  EXPECT_FALSE(matcher.AddServed(ServedAt(5), 0).has_value());
  EXPECT_EQ(matcher.waiting(), 1U);
}

TEST(CallMatcher, NeverPairsWhatDiffers) {
  for (const int what : {0, 1, 2, 3}) {
    CallMatcher matcher;
    ServedRequest served = ServedAt(500);
    OutgoingCall call = CallAt(1, 400, 600);
    if (what == 0) served.service = "other";
    if (what == 1) served.target = Target("GET /y");
    if (what == 2) served.start_unix_ns = 611 * kMs;
    if (what == 3) served.start_unix_ns = 389 * kMs;
    EXPECT_FALSE(matcher.AddServed(served, 0).has_value());
    EXPECT_FALSE(matcher.AddCall(call, 0).has_value()) << what;

    CallMatcher reverse;
    EXPECT_FALSE(reverse.AddCall(call, 0).has_value());
    EXPECT_FALSE(reverse.AddServed(served, 0).has_value()) << what;
  }
}

TEST(CallMatcher, LeavesNoCallWithoutRequest) {
  // The short call could only be answered by the later request, the long one by both.
  CallMatcher matcher;
  matcher.AddServed(ServedAt(100), 0);
  matcher.AddServed(ServedAt(500), 0);
  EXPECT_EQ(matcher.AddCall(CallAt(1, 450, 550), 0)->start_unix_ns, 500 * kMs);
  EXPECT_EQ(matcher.AddCall(CallAt(2, 0, 1000), 0)->start_unix_ns, 100 * kMs);

  CallMatcher reverse;
  reverse.AddCall(CallAt(1, 450, 550), 0);
  reverse.AddCall(CallAt(2, 0, 1000), 0);
  EXPECT_EQ(reverse.AddServed(ServedAt(500), 0), 1U);
  EXPECT_EQ(reverse.AddServed(ServedAt(100), 0), 2U);
}

TEST(CallMatcher, TraceparentGoesBeforeEverythingElse) {
  CallMatcher matcher;
  matcher.AddCall(CallAt(1, 0, 10), 0);
  OutgoingCall call = CallAt(2, 0, 10);
  call.service = {};
  call.target = Target("GET /before/the/proxy");
  matcher.AddCall(call, 0);
  ServedRequest served = ServedAt(5);
  served.parent_span_id = call.span_id;

  EXPECT_EQ(matcher.AddServed(served, 0), 2U);
}

TEST(CallMatcher, NamesServiceOfCallsThatWait) {
  CallMatcher matcher;
  OutgoingCall call = CallAt(1, 0, 10);
  call.service = {};
  matcher.AddServed(ServedAt(5), 0);
  EXPECT_FALSE(matcher.AddCall(call, 0).has_value());
  EXPECT_THAT(matcher.NameService(8, "stock:80", "stock"), IsEmpty());
  EXPECT_THAT(matcher.NameService(7, "stock:81", "stock"), IsEmpty());

  const auto answered = matcher.NameService(7, "stock:80", "stock");

  ASSERT_THAT(answered, SizeIs(1));
  EXPECT_EQ(answered[0].first, 1U);
  EXPECT_EQ(matcher.waiting(), 0U);
}

// More than are told apart: nothing is lost, and nothing is found twice.
TEST(CallMatcher, FindsWhatWaitsAlsoWhereVeryManyServicesAreCalled) {
  constexpr uint64_t kManyServices = 2000;
  CallMatcher matcher;
  uint64_t id = 0;
  const auto served_by = [](uint64_t service) {
    ServedRequest served;
    served.service = Name("service-" + std::to_string(service));
    served.target = Target("GET /");
    served.start_unix_ns = 1000;
    return served;
  };
  const auto finds = [&](uint64_t service) {
    const ServedRequest served = served_by(service);
    return matcher
        .AddCall({.id = ++id,
                  .service = served.service,
                  .target = served.target,
                  .start_unix_ns = 1000,
                  .end_unix_ns = 2000},
                 0)
        .has_value();
  };
  for (uint64_t i = 0; i < kManyServices; ++i) {
    for (int twice = 0; twice < 2; ++twice) {
      ASSERT_FALSE(matcher.AddServed(served_by(i), 0).has_value());
    }
  }
  for (int twice = 0; twice < 2; ++twice) {
    for (uint64_t i = 0; i < kManyServices; ++i) ASSERT_TRUE(finds(i)) << i;
  }
  EXPECT_EQ(matcher.waiting(), 0U);
  EXPECT_FALSE(finds(0));
}

TEST(CallMatcher, GivesUpAfterTimeoutAndBeyondBound) {
  CallMatcher matcher({.max_waiting = 2, .served_timeout_ns = 10, .call_timeout_ns = 100});
  matcher.AddServed(ServedAt(1), 0);
  EXPECT_EQ(CountUnclaimed(matcher, 10), 0U);
  EXPECT_EQ(CountUnclaimed(matcher, 11), 1U);
  for (const int64_t start_ms : {1, 2, 3}) matcher.AddServed(ServedAt(start_ms), 11);
  const auto unclaimed = matcher.TakeUnclaimed(11);
  ASSERT_TRUE(unclaimed.has_value());
  EXPECT_EQ(unclaimed->start_unix_ns, 1 * kMs);
  EXPECT_EQ(CountUnclaimed(matcher, 11), 0U);
  EXPECT_EQ(CountUnclaimed(matcher, 1000), 2U);

  matcher.AddCall(CallAt(1, 0, 10), 1000);
  EXPECT_EQ(CountUnclaimed(matcher, 1101), 0U);
  EXPECT_FALSE(matcher.AddServed(ServedAt(5), 1101).has_value());
}

TEST(CallMatcher, OfSeveralWithOneTraceparentTheFirstIsTheCalls) {
  CallMatcher matcher;
  OutgoingCall call = CallAt(1, 0, 10);
  call.service = {};
  for (const int64_t start_ms : {500, 600}) {
    ServedRequest served = ServedAt(start_ms);
    served.parent_span_id = call.span_id;
    EXPECT_FALSE(matcher.AddServed(served, 0).has_value());
  }

  const auto answer = matcher.AddCall(call, 0);

  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->start_unix_ns, 500 * kMs);
  EXPECT_EQ(matcher.waiting(), 1U);
  const auto unclaimed = matcher.TakeUnclaimed(kAfterServedTimeout);
  ASSERT_TRUE(unclaimed.has_value());
  EXPECT_EQ(unclaimed->start_unix_ns, 600 * kMs);
}

TEST(CallMatcher, TakingAnotherOfTheSameTraceparentLeavesTheFirst) {
  CallMatcher matcher;
  OutgoingCall named = CallAt(1, 0, 10);
  named.service = {};
  for (const int64_t start_ms : {500, 600}) {
    ServedRequest served = ServedAt(start_ms);
    served.parent_span_id = named.span_id;
    matcher.AddServed(served, 0);
  }
  EXPECT_EQ(matcher.AddCall(CallAt(2, 590, 610), 0)->start_unix_ns, 600 * kMs);

  const auto answer = matcher.AddCall(named, 0);

  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->start_unix_ns, 500 * kMs);
}

TEST(CallMatcher, OfSeveralCallsWithOneIdTheFirstIsNamed) {
  CallMatcher matcher;
  OutgoingCall call = CallAt(1, 0, 10);
  call.service = {};
  matcher.AddCall(call, 0);
  call.id = 2;
  matcher.AddCall(call, 0);
  ServedRequest served = ServedAt(500);
  served.parent_span_id = call.span_id;

  EXPECT_EQ(matcher.AddServed(served, 0), 1U);
}

TEST(CallMatcher, WhatHasNoIdIsNeverNamed) {
  CallMatcher matcher;
  OutgoingCall call = CallAt(1, 0, 10);
  call.span_id = {};
  call.service = {};
  matcher.AddCall(call, 0);
  EXPECT_FALSE(matcher.AddServed(ServedAt(5), 0).has_value());
  call.id = 2;
  EXPECT_FALSE(matcher.AddCall(call, 0).has_value());
}

TEST(CallMatcher, FindsAmongThousandsOfOneRouteThatNobodyClaims) {
  constexpr int64_t kRequests = 5000;
  CallMatcher matcher;
  // Those that take longer end, and are heard of, later than what began after them.
  for (int64_t i = 0; i < kRequests; ++i) matcher.AddServed(ServedAt(100 * (i ^ 1)), 0);
  for (const int64_t i : {kRequests - 1, int64_t{0}, kRequests / 2}) {
    const auto answer = matcher.AddCall(CallAt(1, 100 * i - 20, 100 * i + 20), 0);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->start_unix_ns, 100 * i * kMs);
    EXPECT_FALSE(matcher.AddCall(CallAt(1, 100 * i - 20, 100 * i + 20), 0).has_value());
  }
  EXPECT_EQ(CountUnclaimed(matcher, kAfterServedTimeout), static_cast<size_t>(kRequests - 3));
}

}  // namespace
}  // namespace uprobed::span
