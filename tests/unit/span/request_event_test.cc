#include "server/span/request_event.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string_view>

#include "server/span/assembler.h"

namespace uprobed::span {
namespace {

template <size_t kSize>
uint16_t Put(char (&to)[kSize], std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return static_cast<uint16_t>(text.size());
}

up_request_key Key(uint32_t kind, uint32_t status = 0, uint32_t flags = 0) {
  up_request_key key{};
  key.kind = kind;
  key.status = status;
  key.flags = flags;
  return key;
}

Span Labels(const up_request_key& key) { return Assemble(MakeRequestEvent(key), {}, WallClock(0)); }

TEST(MakeRequestEvent, HasWhatTheLabelsOfAServedRequestAreMadeOf) {
  up_request_key key = Key(UP_EVENT_HTTP_SERVER, 503, UP_FLAG_TLS);
  key.protocol_major = 2;
  key.method_length = Put(key.method, "POST");
  key.name_length = Put(key.name, "POST /items/{id}");

  const Span span = Labels(key);

  EXPECT_EQ(span.kind, Kind::kServer);
  EXPECT_EQ(span.method, "POST");
  EXPECT_EQ(span.route, "/items/{id}");
  EXPECT_EQ(span.status_code, 503U);
  EXPECT_EQ(span.scheme, "https");
  EXPECT_EQ(span.protocol_version, "2");
  EXPECT_EQ(span.error_type, "503");
}

TEST(MakeRequestEvent, HasWhatTheLabelsOfACallAreMadeOf) {
  up_request_key key = Key(UP_EVENT_HTTP_CLIENT, 0, UP_FLAG_ERROR | UP_FLAG_ERROR_POINTER);
  key.error_method = 0x10;
  key.scheme_length = Put(key.scheme, "http");
  key.host_length = Put(key.host, "shop:8080");
  key.name_length = Put(key.name, "EOF");
  const EventSource source{.error_methods = std::make_shared<const ErrorMethods>(
                               ErrorMethods{{0x10, "errors.(*errorString).Error"}})};

  const Span span = Assemble(MakeRequestEvent(key), source, WallClock(0));

  EXPECT_EQ(span.method, "GET");
  EXPECT_EQ(span.server_address, "shop");
  EXPECT_EQ(span.server_port, 8080U);
  EXPECT_EQ(span.error_type, "io.EOF");
}

TEST(MakeRequestEvent, HasTheMethodOfAnRpc) {
  up_request_key key = Key(UP_EVENT_GRPC_SERVER, 14);
  key.name_length = Put(key.name, "/shop.Orders/Add");

  const Span span = Labels(key);

  EXPECT_EQ(span.rpc_service, "shop.Orders");
  EXPECT_EQ(span.rpc_method, "Add");
  EXPECT_EQ(span.rpc_status_code, 14);
}

TEST(MakeRequestEvent, ReadsNoMoreThanThereIs) {
  up_request_key key = Key(UP_EVENT_HTTP_SERVER);
  std::memset(key.method, 'A', sizeof(key.method));
  key.method_length = 0xffff;

  EXPECT_EQ(MakeRequestEvent(key).lengths[UP_STRING_METHOD], sizeof(key.method));
}

// What else can be said of no status: 0 would be 200.
TEST(MakeRequestEvent, KeepsThatThereIsNoStatus) {
  EXPECT_EQ(Labels(Key(UP_EVENT_HTTP_SERVER, UP_METRIC_NO_STATUS)).status_code, 0U);
}

}  // namespace
}  // namespace uprobed::span
