#include "server/span/trace_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "server/span/decode.h"
#include "tests/unit/span/event_builder.h"
#include "tests/unit/span/record_builder.h"

namespace uprobed::span {
namespace {

std::string Whole(std::string_view text) { return ParseTraceState(text, false); }

std::string Members(int count) {
  std::string list;
  for (int i = 0; i < count; ++i) list += fmt::format("{}k{}=v", list.empty() ? "" : ",", i);
  return list;
}

up_trace_state StateOf(std::string_view text, uint8_t truncated = 0) {
  up_trace_state state{};
  state.length = static_cast<uint16_t>(text.size());
  state.truncated = truncated;
  std::copy(text.begin(), text.end(), state.text);
  return state;
}

TEST(TraceState, MembersAreJoinedByCommas) {
  EXPECT_EQ(Whole("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  EXPECT_EQ(Whole("\ta=1 , ,, b=x y~!\"  "), "a=1,b=x y~!\"");
  EXPECT_EQ(Whole("fw529a3039@dt=FfIwMjIzOD,4x_-*/=1"), "fw529a3039@dt=FfIwMjIzOD,4x_-*/=1");
  EXPECT_EQ(Whole(""), "");
  EXPECT_EQ(Whole(" ,"), "");
}

TEST(TraceState, WhatIsNoListIsNotHandedOn) {
  for (const std::string& text :
       {std::string("a"), std::string("=1"), std::string("a="), std::string("A=1"),
        std::string("_a=1"), std::string("a b=1"), std::string("a=1=2"), std::string("a=\x01"),
        std::string("a=\xc3\xa4"), std::string("a=1;b=2,A=3"), std::string("a=1,a=2"),
        "a=" + std::string(257, 'x'), std::string(257, 'a') + "=1", Members(33)}) {
    EXPECT_EQ(Whole(text), "") << text;
  }
  EXPECT_EQ(Whole(Members(32)), Members(32));
  EXPECT_EQ(Whole("a=" + std::string(256, 'x')), "a=" + std::string(256, 'x'));
  EXPECT_EQ(Whole(std::string(256, 'a') + "=1"), std::string(256, 'a') + "=1");
}

TEST(TraceState, OfACutTextTheLastMemberIsDropped) {
  EXPECT_EQ(ParseTraceState("a=1,b=2,c=3", true), "a=1,b=2");
  EXPECT_EQ(ParseTraceState("a=1,b", true), "a=1");
  EXPECT_EQ(ParseTraceState("a=1,", true), "a=1");
  EXPECT_EQ(ParseTraceState("a=1", true), "");
}

TEST(TraceState, StandsBeforeTheText) {
  up_http_event event = ServerEvent();
  event.flags |= UP_FLAG_TRACE_STATE;
  const std::vector<std::byte> record = RecordOf(event, StateOf("a=1,b=2"));

  const absl::StatusOr<up_http_event> decoded = DecodeHttpEvent(record);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(std::string_view(decoded->target, decoded->lengths[UP_STRING_TARGET]), "/items/7?q=1");
  const auto state = TraceStateOf(record);
  ASSERT_TRUE(state.has_value());
  Span span;
  AddTraceState(*state, span);
  EXPECT_EQ(span.trace_state, "a=1,b=2");
  EXPECT_EQ(span.truncated, "");
}

TEST(TraceState, IsThereWhereAFlagSaysSo) {
  up_http_event event = ServerEvent();
  const std::vector<std::byte> unflagged = RecordOf(event, StateOf("a=1"));
  event.flags |= UP_FLAG_TRACE_STATE;
  const std::vector<std::byte> without = RecordOf(event);
  const std::vector<std::byte> record = RecordOf(event, StateOf("a=1"));

  EXPECT_FALSE(TraceStateOf(unflagged).has_value());
  EXPECT_FALSE(DecodeHttpEvent(without).ok());
  EXPECT_FALSE(DecodeHttpEvent(std::span(record).first(HeadSize(event.flags) - 1)).ok());
  EXPECT_FALSE(DecodeHttpEvent(std::span(record).first(record.size() - 1)).ok());
}

TEST(TraceState, WhatIsMissingIsNamedFirst) {
  Span span;
  span.truncated = "url.path";
  AddTraceState(StateOf("a=1,b=2", UP_TRACE_STATE_CUT), span);
  EXPECT_EQ(span.trace_state, "a=1");
  EXPECT_EQ(span.truncated, "trace_state,url.path");

  Span other;
  AddTraceState(StateOf("a=1", UP_TRACE_STATE_MISSING), other);
  EXPECT_EQ(other.trace_state, "a=1");
  EXPECT_EQ(other.truncated, "trace_state");
}

TEST(TraceState, ALengthBeyondItsPlaceIsNotFollowed) {
  up_trace_state state = StateOf("a=" + std::string(200, 'x'));
  state.length = 65535;
  Span span;

  AddTraceState(state, span);

  EXPECT_EQ(span.trace_state, "");  // with the zeros behind it, it is none
}

}  // namespace
}  // namespace uprobed::span
