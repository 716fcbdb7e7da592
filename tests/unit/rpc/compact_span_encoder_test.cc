#include "server/rpc/compact_span_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "server/rpc/encode_span.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::rpc {
namespace {

using Strings = std::vector<std::string>;

v1::StreamSpansResponse Parse(const std::string& bytes) {
  v1::StreamSpansResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  return response;
}

// The spans of a response, as its comments in the .proto say how to put them together.
std::vector<v1::Span> WholeSpans(const v1::StreamSpansResponse& response) {
  std::map<uint64_t, v1::DictionaryEntry> dictionary;
  for (const v1::DictionaryEntry& entry : response.dictionary()) {
    const auto [known, is_new] = dictionary.emplace(entry.id(), entry);
    EXPECT_EQ(known->second.SerializeAsString(), entry.SerializeAsString()) << is_new;
  }
  std::vector<v1::Span> spans;
  for (const v1::CompactSpan& compact : response.compact_spans()) {
    v1::Span& span = spans.emplace_back();
    if (compact.common_id() != 0) {
      EXPECT_TRUE(dictionary[compact.common_id()].has_common());
      span = dictionary[compact.common_id()].common();
    }
    span.MergeFrom(compact.own());
    for (const uint64_t id : compact.attribute_ids()) {
      EXPECT_TRUE(dictionary[id].has_attribute());
      *span.add_attributes() = dictionary[id].attribute();
    }
  }
  return spans;
}

// With its attributes in an order that does not depend on how it came.
std::string Sorted(v1::Span span) {
  std::sort(span.mutable_attributes()->begin(), span.mutable_attributes()->end(),
            [](const v1::KeyValue& a, const v1::KeyValue& b) { return a.key() < b.key(); });
  return span.SerializeAsString();
}

Strings Sorted(const std::vector<v1::Span>& spans) {
  Strings texts;
  for (const v1::Span& span : spans) texts.push_back(Sorted(span));
  return texts;
}

Strings EncodedWhole(const std::vector<span::Span>& spans, const stream::SpanMask& mask) {
  std::string bytes;
  for (const span::Span& span : spans) EncodeSpan(span, mask, bytes);
  const v1::StreamSpansResponse response = Parse(bytes);
  Strings texts;
  for (const v1::Span& span : response.spans()) texts.push_back(Sorted(span));
  return texts;
}

// One batch of the spans.
std::string Encoded(CompactSpanEncoder& encoder, const std::vector<span::Span>& spans) {
  std::string bytes;
  for (size_t i = 0; i < spans.size(); ++i) encoder.Encode(spans[i], i == 0, bytes);
  return bytes;
}

// Each member is one of a few, so that spans differ in any one of them.
class AnySpan {
 public:
  span::Span Next() {
    span::Span span;
    for (std::string span::Span::*const member : {&span::Span::trace_state,
                                                  &span::Span::probe,
                                                  &span::Span::service_name,
                                                  &span::Span::binary_path,
                                                  &span::Span::method,
                                                  &span::Span::method_original,
                                                  &span::Span::scheme,
                                                  &span::Span::path,
                                                  &span::Span::query,
                                                  &span::Span::url_full,
                                                  &span::Span::route,
                                                  &span::Span::derived_route,
                                                  &span::Span::server_address,
                                                  &span::Span::peer_address,
                                                  &span::Span::function,
                                                  &span::Span::error_type,
                                                  &span::Span::protocol_version,
                                                  &span::Span::body_end,
                                                  &span::Span::rpc_system,
                                                  &span::Span::rpc_service,
                                                  &span::Span::rpc_method,
                                                  &span::Span::truncated}) {
      span.*member = Text();
    }
    span.kind = OneIn(4) ? span::Kind::kClient : span::Kind::kServer;
    span.parent_source = static_cast<span::ParentSource>(OneIn(4) ? random_() % 7 : 0);
    span.trace_flags = OneIn(4) ? 0 : 1;
    span.hijacked = OneIn(8);
    for (uint32_t span::Span::*const member : {&span::Span::pid, &span::Span::server_port,
                                               &span::Span::peer_port, &span::Span::status_code}) {
      span.*member = OneIn(4) ? static_cast<uint32_t>(random_() % 1000) : 0;
    }
    for (int64_t span::Span::*const member :
         {&span::Span::request_body_size, &span::Span::response_body_size,
          &span::Span::rpc_status_code}) {
      span.*member = OneIn(4) ? static_cast<int64_t>(random_() % 3) - 1 : -1;
    }
    for (int64_t span::Span::*const member :
         {&span::Span::start_unix_ns, &span::Span::end_unix_ns, &span::Span::first_byte_unix_ns}) {
      span.*member = OneIn(8) ? 0 : static_cast<int64_t>(random_());
    }
    span.trace_id.fill(static_cast<uint8_t>(random_()));
    span.span_id.fill(static_cast<uint8_t>(random_()));
    span.parent_span_id.fill(OneIn(2) ? 0 : static_cast<uint8_t>(random_()));
    return span;
  }
  bool OneIn(uint32_t of) { return random_() % of == 0; }

 private:
  std::string Text() {
    const char* const kTexts[] = {"shop", "", "caf\xE9", "shop,", "a longer one, of 24 bytes"};
    // Mostly the same, or hardly any span would be like another.
    return OneIn(32) ? kTexts[random_() % std::size(kTexts)] : kTexts[0];
  }

  std::minstd_rand random_{7};
};

stream::SpanMask NoneBut(const std::vector<int>& fields) {
  stream::SpanMask mask;
  for (int field = 1; field <= v1::Span::kTraceStateFieldNumber; ++field) {
    mask.fields[static_cast<size_t>(field)] =
        std::find(fields.begin(), fields.end(), field) != fields.end();
  }
  return mask;
}

TEST(CompactSpans, PutTogetherAreTheWholeOnes) {
  stream::SpanMask some_attributes;
  for (size_t i = 0; i < some_attributes.attributes.size(); i += 2) {
    some_attributes.attributes[i] = false;
  }
  for (const stream::SpanMask& mask :
       {stream::SpanMask(), some_attributes,
        NoneBut({v1::Span::kNameFieldNumber, v1::Span::kStartTimeFieldNumber}),
        NoneBut({v1::Span::kAttributesFieldNumber}), NoneBut({v1::Span::kTraceIdFieldNumber})}) {
    AnySpan any;
    CompactSpanEncoder encoder(mask);
    size_t in_common = 0;
    for (int batch = 0; batch < 40; ++batch) {
      std::vector<span::Span> spans;
      do {
        spans.push_back(any.Next());
      } while (!any.OneIn(100));
      const v1::StreamSpansResponse response = Parse(Encoded(encoder, spans));
      EXPECT_EQ(response.spans_size(), 0);
      EXPECT_EQ(Sorted(WholeSpans(response)), EncodedWhole(spans, mask));
      for (const v1::CompactSpan& span : response.compact_spans()) {
        in_common += span.common_id() != 0 ? 1 : 0;
      }
    }
    EXPECT_GT(in_common, 100U);
  }
}

span::Span ServedSpan(const std::string& path = "/orders/1") {
  span::Span span;
  span.trace_id.fill(1);
  span.span_id.fill(2);
  span.start_unix_ns = 1'800'000'000'000'000'001;
  span.end_unix_ns = 1'800'000'000'100'000'001;
  span.probe = "probes/shop";
  span.service_name = "shop";
  span.binary_path = "/usr/bin/shop";
  span.pid = 77;
  span.method = "GET";
  span.route = "/orders/{id}";
  span.path = path;
  span.status_code = 200;
  span.peer_address = "10.0.0.1";
  span.peer_port = 40'000;
  span.request_body_size = 0;
  span.response_body_size = 25;
  return span;
}

TEST(CompactSpans, HaveFewBytes) {
  CompactSpanEncoder encoder({});
  const std::string bytes = Encoded(encoder, std::vector<span::Span>(1000, ServedSpan()));
  std::string whole;
  EncodeSpan(ServedSpan(), {}, whole);
  EXPECT_LT(bytes.size() / 1000, whole.size() / 4);
}

TEST(CompactSpans, AreWrittenInFullWhereTheyComeForTheFirstTime) {
  CompactSpanEncoder encoder({});
  const v1::StreamSpansResponse response =
      Parse(Encoded(encoder, {ServedSpan("/1"), ServedSpan("/2"), ServedSpan("/3")}));
  ASSERT_EQ(response.compact_spans_size(), 3);
  EXPECT_EQ(response.compact_spans(0).common_id(), 0U);
  EXPECT_NE(response.compact_spans(1).common_id(), 0U);
  // Of what the third has in common with the others nothing comes again, and no path is an entry.
  EXPECT_EQ(response.compact_spans(2).common_id(), response.compact_spans(1).common_id());
  for (const v1::DictionaryEntry& entry : response.dictionary()) {
    EXPECT_NE(entry.attribute().key(), "url.path");
  }
  EXPECT_EQ(response.compact_spans(2).own().attributes_size(), 1);
}

TEST(CompactSpans, OfABatchNeedNoOtherBatch) {
  CompactSpanEncoder encoder({});
  const std::vector<span::Span> spans(3, ServedSpan());
  const std::string first = Encoded(encoder, spans);
  const std::string second = Encoded(encoder, spans);
  EXPECT_EQ(Sorted(WholeSpans(Parse(second))), EncodedWhole(spans, {}));
  EXPECT_EQ(WholeSpans(Parse(first + second)).size(), 6U) << "nor are they two things in one";
}

TEST(CompactSpans, OfABatchNeedNoneThatComesLater) {
  CompactSpanEncoder encoder({});
  std::vector<span::Span> spans;
  std::string bytes;
  for (int i = 0; i < 50; ++i) {
    spans.push_back(ServedSpan("/" + std::to_string(i % 7)));
    spans.back().status_code = i % 5 == 0 ? 500 : 200;
    encoder.Encode(spans.back(), i == 0, bytes);
    EXPECT_EQ(Sorted(WholeSpans(Parse(bytes))), EncodedWhole(spans, {}));
  }
}

TEST(CompactSpans, StayRightWhereThereIsMoreThanIsRemembered) {
  CompactSpanEncoder encoder({});
  std::map<uint64_t, std::string> entries;
  for (int batch = 0; batch < 40; ++batch) {
    std::vector<span::Span> spans;
    for (int i = 0; i < 1000; ++i) {
      spans.push_back(ServedSpan("/" + std::to_string(batch) + "/" + std::to_string(i)));
      spans.push_back(spans.back());
    }
    const v1::StreamSpansResponse response = Parse(Encoded(encoder, spans));
    EXPECT_EQ(Sorted(WholeSpans(response)), EncodedWhole(spans, {}));
    for (const v1::DictionaryEntry& entry : response.dictionary()) {
      const std::string text = entry.SerializeAsString();
      EXPECT_EQ(entries.emplace(entry.id(), text).first->second, text) << "an id of two entries";
    }
  }
  EXPECT_GT(entries.size(), 30'000U);
}

}  // namespace
}  // namespace uprobed::rpc
