#include "server/rpc/span_read_mask.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server/base/errors.h"
#include "server/rpc/encode_span.h"
#include "server/stream/span_mask.h"
#include "tests/unit/rpc/server_fixture.h"

namespace uprobed::rpc {
namespace {

using Strings = std::vector<std::string>;

v1::StreamSpansRequest Masked(const Strings& paths, const Strings& keys = {}) {
  v1::StreamSpansRequest request;
  for (const std::string& path : paths) request.mutable_read_mask()->add_paths(path);
  for (const std::string& key : keys) request.add_attribute_keys(key);
  return request;
}

// A field above would not be masked, but written beyond the mask.
TEST(SpanReadMask, HasABitForEachField) {
  const google::protobuf::Descriptor& span = *v1::Span::descriptor();
  for (int i = 0; i < span.field_count(); ++i) {
    EXPECT_LT(static_cast<size_t>(span.field(i)->number()), stream::SpanMask::kMaxFields)
        << span.field(i)->name();
  }
}

// A span in which every field has a value.
span::Span FullSpan() {
  span::Span span;
  span.trace_id.fill(1);
  span.span_id.fill(2);
  span.parent_span_id.fill(3);
  span.parent_source = span::ParentSource::kContext;
  span.trace_flags = 1;
  span.trace_state = "rojo=1";
  span.start_unix_ns = 1'000'000'001;
  span.end_unix_ns = 2'000'000'002;
  span.first_byte_unix_ns = 1'500'000'000;
  span.probe = "probes/shop";
  span.service_name = "shop";
  span.pid = 7;
  span.method = "GET";
  span.path = "/tea";
  span.route = "/{drink}";
  span.status_code = 500;
  span.error_type = "500";
  span.truncated = "url.path";
  return span;
}

// The names of the fields that are on the wire.
Strings FieldsOf(const v1::Span& span) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  v1::Span::GetReflection()->ListFields(span, &fields);
  Strings names;
  for (const auto* field : fields) names.push_back(field->name());
  return names;
}

Strings KeysOf(const google::protobuf::RepeatedPtrField<v1::KeyValue>& attributes) {
  Strings keys;
  for (const v1::KeyValue& attribute : attributes) keys.push_back(attribute.key());
  return keys;
}

v1::Span Encoded(const v1::StreamSpansRequest& request) {
  const auto mask = ParseSpanReadMask(request);
  EXPECT_TRUE(mask.ok()) << mask.status();
  std::string bytes;
  EncodeSpan(FullSpan(), *mask, bytes);
  v1::StreamSpansResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  EXPECT_EQ(response.SerializeAsString(), bytes);
  return response.spans_size() == 1 ? response.spans(0) : v1::Span();
}

Strings AllFields() {
  const google::protobuf::Descriptor& span = *v1::Span::descriptor();
  Strings names;
  for (int i = 0; i < span.field_count(); ++i) names.push_back(span.field(i)->name());
  return names;
}

TEST(SpanReadMask, HasRoomForEachField) {
  const google::protobuf::Descriptor& span = *v1::Span::descriptor();
  for (int i = 0; i < span.field_count(); ++i) {
    EXPECT_LT(span.field(i)->number(), static_cast<int>(stream::SpanMask::kMaxFields));
  }
}

TEST(SpanReadMask, LeavesEachFieldOutOrIn) {
  const Strings all = AllFields();
  EXPECT_EQ(FieldsOf(Encoded(Masked({}))), all);
  EXPECT_EQ(FieldsOf(Encoded(Masked({"*"}))), all);
  for (const std::string& field : all) {
    EXPECT_EQ(FieldsOf(Encoded(Masked({field}))), Strings{field});
    Strings others = all;
    std::erase(others, field);
    EXPECT_EQ(FieldsOf(Encoded(Masked(others))), others);
  }
}

TEST(SpanReadMask, TellsAFieldAsItIsInAWholeSpan) {
  const v1::Span whole = Encoded(Masked({}));
  const v1::Span some = Encoded(Masked({"name", "end_time", "resource"}));
  EXPECT_EQ(some.name(), "GET /{drink}");
  EXPECT_EQ(some.end_time().SerializeAsString(), whole.end_time().SerializeAsString());
  EXPECT_EQ(KeysOf(some.resource()), KeysOf(whole.resource()));
}

TEST(SpanReadMask, NarrowsAttributesToKeys) {
  const v1::Span some =
      Encoded(Masked({"attributes", "resource"}, {"service.name", "http.response.status_code"}));
  EXPECT_EQ(KeysOf(some.attributes()), Strings{"http.response.status_code"});
  EXPECT_EQ(some.attributes(0).int_value(), 500);
  EXPECT_EQ(KeysOf(some.resource()), Strings{"service.name"});

  const v1::Span no_mask = Encoded(Masked({}, {"url.path"}));
  EXPECT_EQ(KeysOf(no_mask.attributes()), Strings{"url.path"});
  EXPECT_EQ(no_mask.resource_size(), 0);
  EXPECT_EQ(no_mask.probe(), "probes/shop");
}

TEST(SpanReadMask, TakesEachKeyOfAnAttribute) {
  for (const span::AttributeInfo& attribute : span::KnownAttributes()) {
    const v1::Span told = Encoded(Masked({}, {std::string(attribute.key)}));
    for (const Strings& keys : {KeysOf(told.attributes()), KeysOf(told.resource())}) {
      for (const std::string& key : keys) EXPECT_EQ(key, attribute.key);
    }
  }
}

TEST(SpanReadMask, IsTheSameInAnotherOrder) {
  const auto mask =
      ParseSpanReadMask(Masked({"name", "attributes", "status"}, {"url.path", "http.route"}));
  const auto same = ParseSpanReadMask(
      Masked({"status", "name", "name", "attributes"}, {"http.route", "url.path", "url.path"}));
  const auto other = ParseSpanReadMask(Masked({"name", "attributes"}, {"url.path", "http.route"}));
  EXPECT_EQ(*mask, *same);
  EXPECT_NE(*mask, *other);
  // Nothing is left out by naming all there is.
  EXPECT_TRUE(ParseSpanReadMask(Masked({}))->TakesAll());
  EXPECT_TRUE(ParseSpanReadMask(Masked(AllFields()))->TakesAll());
}

// Which knows fields in camel case only, and no quotes.
TEST(SpanReadMask, SurvivesTheJsonOfAFieldMask) {
  for (const std::string& field : AllFields()) {
    for (const span::AttributeInfo& attribute : span::KnownAttributes()) {
      const v1::StreamSpansRequest request =
          Masked({field, "attributes", "resource"}, {std::string(attribute.key)});
      std::string json;
      ASSERT_TRUE(google::protobuf::util::MessageToJsonString(request, &json).ok());
      v1::StreamSpansRequest read;
      ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &read).ok()) << json;
      EXPECT_EQ(read.SerializeAsString(), request.SerializeAsString()) << json;
    }
  }
}

TEST(SpanReadMask, RefusesWhatIsNoWholeField) {
  for (const std::string path :
       {"nothing", "", "start_time.seconds", "attributes.http.route", "attributes.`http.route`",
        "startTime", "name.", "trace_id,name"}) {
    const absl::Status status = ParseSpanReadMask(Masked({"name", path})).status();
    EXPECT_EQ(ReasonOf(status), "FIELD_MASK_INVALID") << path;
    EXPECT_EQ(MetadataOf(status)["path"], path);
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("give some of trace_id, "));
  }
}

TEST(SpanReadMask, RefusesKeysThatAreNoAttributes) {
  const absl::Status typing_error = ParseSpanReadMask(Masked({}, {"http.rout"})).status();
  EXPECT_EQ(ReasonOf(typing_error), "ATTRIBUTE_KEY_UNKNOWN");
  EXPECT_EQ(MetadataOf(typing_error)["field"], "attribute_keys");
  EXPECT_THAT(std::string(typing_error.message()), ::testing::HasSubstr("did you mean http.route"));
  const absl::Status long_key =
      ParseSpanReadMask(Masked({}, {std::string(size_t{1} << 20, 'k')})).status();
  EXPECT_LT(long_key.message().size(), 2000U);
}

TEST(SpanReadMask, RefusesKeysWhoseFieldIsLeftOut) {
  const absl::Status status =
      ParseSpanReadMask(Masked({"name", "attributes"}, {"service.name"})).status();
  EXPECT_EQ(ReasonOf(status), "ATTRIBUTE_KEY_NOT_READ");
  EXPECT_EQ(status.message(),
            "\"service.name\" is in the field resource, which read_mask leaves out: add it there");
  EXPECT_EQ(ReasonOf(ParseSpanReadMask(Masked({"name"}, {"url.path"})).status()),
            "ATTRIBUTE_KEY_NOT_READ");
}

// Over the wire.
class MaskedStreamTest : public ServerTest {
 protected:
  // One call that has begun.
  struct Reader {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::StreamSpansResponse>> reader;
    v1::StreamSpansResponse last;
  };
  std::unique_ptr<Reader> Start(const v1::StreamSpansRequest& request) {
    auto call = std::make_unique<Reader>();
    call->reader = telemetry_->StreamSpans(&call->context, request);
    EXPECT_TRUE(call->reader->Read(&call->last));
    return call;
  }
  void Publish() {
    hub_.Publish(FullSpan());
    hub_.Flush();
  }
  static v1::Span Read(Reader& call) {
    EXPECT_TRUE(call.reader->Read(&call.last));
    EXPECT_EQ(call.last.spans_size(), 1);
    return call.last.spans_size() == 1 ? call.last.spans(0) : v1::Span();
  }
};

TEST_F(MaskedStreamTest, SharesOneEncodingWithTheSameMaskInAnotherOrder) {
  const auto first = Start(Masked({"name", "status"}));
  const auto second = Start(Masked({"status", "name"}));
  Publish();
  for (const auto* call : {&first, &second}) {
    EXPECT_EQ(FieldsOf(Read(**call)), (Strings{"name", "status"}));
    (*call)->context.TryCancel();
  }
  EXPECT_EQ(encodings_, 1);
}

TEST_F(MaskedStreamTest, GivesEachSubscriberItsOwnFields) {
  const auto names = Start(Masked({"name"}));
  const auto whole = Start({});
  Publish();
  EXPECT_EQ(FieldsOf(Read(*names)), Strings{"name"});
  EXPECT_EQ(FieldsOf(Read(*whole)), AllFields());
  EXPECT_EQ(encodings_, 2);
  names->context.TryCancel();
  whole->context.TryCancel();
}

TEST_F(MaskedStreamTest, FiltersByWhatTheMaskLeavesOut) {
  v1::StreamSpansRequest request = Masked({"name"});
  request.set_filter("http.response.status_code >= 500 AND service.name = shop");
  const auto accepted = Start(request);
  request.set_filter("http.response.status_code < 500");
  const auto refused = Start(request);
  Publish();
  EXPECT_EQ(FieldsOf(Read(*accepted)), Strings{"name"});
  EXPECT_EQ(hub_.stats().offered, 1U);
  accepted->context.TryCancel();
  refused->context.TryCancel();
}

TEST_F(MaskedStreamTest, RefusesAnUnknownPathBeforeItStarts) {
  grpc::ClientContext context;
  const auto reader = telemetry_->StreamSpans(&context, Masked({"nothing"}));
  v1::StreamSpansResponse response;
  EXPECT_FALSE(reader->Read(&response));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(Summary(status) + " " + FieldOf(status),
            "INVALID_ARGUMENT FIELD_MASK_INVALID read_mask");
}

}  // namespace
}  // namespace uprobed::rpc
