#include "server/span/attributes.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Span FullSpan() {
  Span span;
  span.service_name = "shop";
  span.binary_path = "/srv/shop";
  span.pid = 42;
  span.method = "_OTHER";
  span.method_original = "PROPFIND";
  span.scheme = "http";
  span.path = "/items/7";
  span.query = "q=1";
  span.url_full = "http://shop/items/7";
  span.route = "/items/{id}";
  span.server_address = "shop";
  span.server_port = 80;
  span.peer_address = "10.0.0.9";
  span.peer_port = 4711;
  span.protocol_version = "1.1";
  span.status_code = 500;
  span.request_body_size = 0;
  span.response_body_size = 12;
  span.error_type = "500";
  span.body_end = "read";
  span.hijacked = true;
  return span;
}

void SetRpc(Span& span) {
  span.rpc_system = "grpc";
  span.rpc_service = "shop.v1.Stock";
  span.rpc_method = "Reserve";
  span.rpc_status_code = 0;
}

std::string Print(const AttributeValue& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) return std::string(*text);
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  return std::get<bool>(value) ? "true" : "false";
}

std::vector<std::string> Attributes(const Span& span) {
  std::vector<std::string> lines;
  VisitAttributes(span, [&](std::string_view key, AttributeValue value) {
    lines.push_back(std::string(key) + "=" + Print(value));
  });
  return lines;
}

TEST(Attributes, FollowSemanticConventionsInOrder) {
  EXPECT_THAT(Attributes(FullSpan()),
              ElementsAre("http.request.method=_OTHER", "http.request.method_original=PROPFIND",
                          "http.response.status_code=500", "http.route=/items/{id}",
                          "url.scheme=http", "url.path=/items/7", "url.query=q=1",
                          "url.full=http://shop/items/7", "server.address=shop", "server.port=80",
                          "network.peer.address=10.0.0.9", "network.peer.port=4711",
                          "network.protocol.version=1.1", "http.request.body.size=0",
                          "http.response.body.size=12", "uprobed.response.body.end=read",
                          "error.type=500", "uprobed.connection.hijacked=true"));
}

TEST(Attributes, OfAnRpcFollowSemanticConventionsInOrder) {
  Span span;
  SetRpc(span);
  EXPECT_THAT(Attributes(span), ElementsAre("rpc.system=grpc", "rpc.service=shop.v1.Stock",
                                            "rpc.method=Reserve", "rpc.grpc.status_code=0"));
  EXPECT_EQ(SpanName(span), "shop.v1.Stock/Reserve");
}

TEST(Attributes, LeaveOutWhatIsNotKnown) { EXPECT_THAT(Attributes(Span()), IsEmpty()); }

TEST(Attributes, DescribeResource) {
  const Span span = FullSpan();
  std::vector<std::string> lines;

  VisitResource(span, [&](std::string_view key, AttributeValue value) {
    lines.push_back(std::string(key) + "=" + Print(value));
  });

  EXPECT_THAT(lines, ElementsAre("service.name=shop", "process.pid=42",
                                 "process.executable.path=/srv/shop"));
}

TEST(Attributes, AreFoundByKey) {
  const Span span = FullSpan();

  EXPECT_EQ(FindAttribute(span, "url.path"), AttributeValue(std::string_view("/items/7")));
  EXPECT_EQ(FindAttribute(span, "process.pid"), AttributeValue(int64_t{42}));
  EXPECT_EQ(FindAttribute(Span(), "url.path"), std::nullopt);
  EXPECT_EQ(FindAttribute(span, "url"), std::nullopt);
}

TEST(Attributes, AreKnownWhateverTheSpan) {
  EXPECT_TRUE(IsKnownAttribute("error.type"));
  EXPECT_TRUE(IsKnownAttribute("service.name"));
  EXPECT_FALSE(IsKnownAttribute("error.typ"));
  EXPECT_FALSE(IsKnownAttribute(""));
}

TEST(Attributes, HaveTheTypeThatTheListSays) {
  Span span = FullSpan();
  SetRpc(span);
  span.derived_route = "/items/{id}";
  span.function = "main.serve";

  for (const AttributeInfo& info : KnownAttributes()) {
    const std::optional<AttributeValue> value = FindAttribute(span, info.key);
    ASSERT_TRUE(value.has_value()) << info.key;
    EXPECT_EQ(std::holds_alternative<int64_t>(*value), info.is_number) << info.key;
  }
}

TEST(SpanName, HasRouteOfServerOnly) {
  Span span;
  span.method = "GET";
  span.path = "/items/7";
  EXPECT_EQ(SpanName(span), "GET");
  span.route = "/items/{id}";
  EXPECT_EQ(SpanName(span), "GET /items/{id}");
  span.kind = Kind::kClient;
  EXPECT_EQ(SpanName(span), "GET");
}

TEST(SpanName, SaysHttpForUnknownMethod) {
  Span span;
  EXPECT_EQ(SpanName(span), "HTTP");
  span.method = "_OTHER";
  span.route = "/dav/";
  EXPECT_EQ(SpanName(span), "HTTP /dav/");
}

TEST(ToHex, WritesLowerCaseDigits) {
  EXPECT_EQ(ToHex(SpanId{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}), "0123456789abcdef");
  EXPECT_EQ(ToHex(TraceId{0xff}), "ff" + std::string(30, '0'));
}

}  // namespace
}  // namespace uprobed::span
