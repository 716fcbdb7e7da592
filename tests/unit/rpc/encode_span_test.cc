#include "server/rpc/encode_span.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::rpc {
namespace {

using ::testing::ElementsAre;

std::string Text(const google::protobuf::RepeatedPtrField<v1::KeyValue>& values,
                 const std::string& key) {
  for (const v1::KeyValue& value : values) {
    if (value.key() == key) return value.string_value();
  }
  return "none";
}

int64_t Number(const google::protobuf::RepeatedPtrField<v1::KeyValue>& values,
               const std::string& key) {
  for (const v1::KeyValue& value : values) {
    if (value.key() == key) return value.int_value();
  }
  return -1;
}

span::Span SampleSpan() {
  span::Span span;
  span.kind = span::Kind::kServer;
  span.trace_id.fill(0xAB);
  span.span_id.fill(0xCD);
  span.start_unix_ns = 1'000'000'001;
  span.end_unix_ns = 2'000'000'002;
  span.probe = "probes/shop";
  span.service_name = "shop";
  span.pid = 7;
  span.method = "GET";
  span.path = "/caf\xE9";
  span.route = "/{drink}";
  span.status_code = 500;
  span.error_type = "500";
  span.truncated = "url.path,url.query";
  return span;
}

// What a subscriber reads.
v1::Span Told(const span::Span& span) {
  std::string bytes;
  EncodeSpan(span, {}, bytes);
  v1::StreamSpansResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  EXPECT_EQ(response.spans_size(), 1);
  // Nothing is there that the message does not know, and nothing in another form than its own.
  EXPECT_EQ(response.SerializeAsString(), bytes);
  return response.spans_size() == 1 ? response.spans(0) : v1::Span();
}

TEST(Span, IsToldWithItsAttributes) {
  const v1::Span told = Told(SampleSpan());

  EXPECT_EQ(told.trace_id(), std::string(16, '\xAB'));
  EXPECT_EQ(told.span_id(), std::string(8, '\xCD'));
  EXPECT_EQ(told.name(), "GET /{drink}");
  EXPECT_EQ(told.kind(), v1::Span::KIND_SERVER);
  EXPECT_EQ(told.start_time().nanos(), 1);
  EXPECT_EQ(told.end_time().seconds(), 2);
  EXPECT_EQ(told.status(), v1::Span::STATUS_ERROR);
  EXPECT_EQ(told.probe(), "probes/shop");
  EXPECT_EQ(Text(told.attributes(), "http.request.method"), "GET");
  EXPECT_EQ(Number(told.attributes(), "http.response.status_code"), 500);
  EXPECT_EQ(Text(told.resource(), "service.name"), "shop");
  EXPECT_EQ(Number(told.resource(), "process.pid"), 7);
  EXPECT_THAT(told.truncated_attributes(), ElementsAre("url.path", "url.query"));
}

TEST(Span, IsValidUtf8WhateverTheRequestHeld) {
  const v1::Span told = Told(SampleSpan());
  EXPECT_EQ(Text(told.attributes(), "url.path"), "/caf\xEF\xBF\xBD");
}

TEST(Span, TellsItsParentAndHowItIsKnown) {
  span::Span span = SampleSpan();
  const v1::Span root = Told(span);
  EXPECT_EQ(root.parent_span_id(), "");
  EXPECT_EQ(root.parent_source(), v1::Span::PARENT_SOURCE_UNSPECIFIED);

  span.kind = span::Kind::kClient;
  span.error_type.clear();
  span.parent_span_id.fill(1);
  span.parent_source = span::ParentSource::kGoroutine;
  const v1::Span child = Told(span);
  EXPECT_EQ(child.parent_span_id(), std::string(8, '\x01'));
  EXPECT_EQ(child.parent_source(), v1::Span::PARENT_SOURCE_GOROUTINE);
  EXPECT_EQ(child.kind(), v1::Span::KIND_CLIENT);
  EXPECT_EQ(child.status(), v1::Span::STATUS_UNSET);

  span.parent_source = span::ParentSource::kContext;
  v1::Span handed_over = Told(span);
  EXPECT_EQ(handed_over.parent_source(), v1::Span::PARENT_SOURCE_CONTEXT);

  span.parent_source = span::ParentSource::kConnection;
  const v1::Span stitched = Told(span);
  EXPECT_EQ(stitched.parent_source(), v1::Span::PARENT_SOURCE_CONNECTION);
  span.parent_source = span::ParentSource::kGoroutineStart;
  handed_over = Told(span);
  EXPECT_EQ(handed_over.parent_source(), v1::Span::PARENT_SOURCE_GOROUTINE_START);
  span.parent_source = span::ParentSource::kChannel;
  handed_over = Told(span);
  EXPECT_EQ(handed_over.parent_source(), v1::Span::PARENT_SOURCE_CHANNEL);

  span.parent_source = span::ParentSource::kTraceparent;
  const v1::Span remote = Told(span);
  EXPECT_EQ(remote.parent_source(), v1::Span::PARENT_SOURCE_TRACEPARENT);
}

TEST(Span, TellsTheTraceStateThatItCameWith) {
  span::Span span = SampleSpan();
  const v1::Span without = Told(span);
  EXPECT_EQ(without.trace_state(), "");

  span.trace_state = "rojo=1,congo=2";
  const v1::Span with = Told(span);
  EXPECT_EQ(with.trace_state(), "rojo=1,congo=2");
}

TEST(Span, TellsTimesBeforeTheEpochAndTrueOrFalse) {
  span::Span span = SampleSpan();
  span.start_unix_ns = -1;
  span.first_byte_unix_ns = 1'500'000'000;
  span.hijacked = true;
  span.response_body_size = 0;
  const v1::Span told = Told(span);
  EXPECT_EQ(told.start_time().seconds(), -1);
  EXPECT_EQ(told.start_time().nanos(), 999'999'999);
  EXPECT_EQ(told.first_byte_time().nanos(), 500'000'000);
  bool hijacked = false;
  for (const v1::KeyValue& value : told.attributes()) {
    if (value.key() == "uprobed.connection.hijacked") hijacked = value.bool_value();
  }
  EXPECT_TRUE(hijacked);
  EXPECT_EQ(Number(told.attributes(), "http.response.body.size"), 0);
}

TEST(Span, StandsBehindAnother) {
  span::Span span = SampleSpan();
  std::string bytes;
  EncodeSpan(span, {}, bytes);
  span.path = std::string(20'000, 'x');  // whose length takes three bytes
  EncodeSpan(span, {}, bytes);
  v1::StreamSpansResponse response;
  ASSERT_TRUE(response.ParseFromString(bytes));
  ASSERT_EQ(response.spans_size(), 2);
  EXPECT_EQ(Text(response.spans(1).attributes(), "url.path").size(), 20'000U);
}

}  // namespace
}  // namespace uprobed::rpc
