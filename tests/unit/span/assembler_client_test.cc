#include "gtest/gtest.h"
#include "server/span/assembler.h"
#include "tests/unit/span/event_builder.h"

namespace uprobed::span {
namespace {

Span AssembleClient(const up_http_event& event, bool capture_query = false) {
  return Assemble(event, {.capture_query = capture_query}, WallClock(0));
}

TEST(ClientAssembler, MakesClientSpan) {
  const Span span = AssembleClient(ClientEvent());

  EXPECT_EQ(span.kind, Kind::kClient);
  EXPECT_EQ(span.method, "POST");
  EXPECT_EQ(span.scheme, "http");
  EXPECT_EQ(span.path, "/reserve");
  EXPECT_EQ(span.url_full, "http://stock:8081/reserve");
  EXPECT_EQ(span.server_address, "stock");
  EXPECT_EQ(span.server_port, 8081u);
  EXPECT_EQ(span.peer_address, "");
  EXPECT_EQ(span.status_code, 201u);
  EXPECT_EQ(span.request_body_size, 3);
  EXPECT_EQ(span.response_body_size, -1);
}

TEST(ClientAssembler, MakesWireFormOfDecodedPath) {
  up_http_event event = ClientEvent();
  SetString(event, event.target, UP_STRING_TARGET, "/a b\xFF");

  EXPECT_EQ(AssembleClient(event).path, "/a%20b%FF");
  EXPECT_EQ(AssembleClient(event).url_full, "http://stock:8081/a%20b%FF");
}

TEST(ClientAssembler, TellsEmptyPathFromUnreadOne) {
  up_http_event event = ClientEvent();
  SetString(event, event.target, UP_STRING_TARGET, "");
  EXPECT_EQ(AssembleClient(event).path, "/");
  event.unread = 1U << UP_STRING_TARGET;
  EXPECT_EQ(AssembleClient(event).path, "");
}

TEST(ClientAssembler, KeepsQueryOnlyWhereCapturedAndNeverInFullUrl) {
  up_http_event event = ClientEvent();
  SetString(event, event.query, UP_STRING_QUERY, "secret=1");

  EXPECT_EQ(AssembleClient(event).query, "");
  EXPECT_EQ(AssembleClient(event, true).query, "secret=1");
  EXPECT_EQ(AssembleClient(event, true).url_full, "http://stock:8081/reserve");
}

TEST(ClientAssembler, HasNoFullUrlWithoutSchemeOrHost) {
  up_http_event event = ClientEvent();
  SetString(event, event.scheme, UP_STRING_SCHEME, "");
  EXPECT_EQ(AssembleClient(event).url_full, "");
  event = ClientEvent();
  SetString(event, event.host, UP_STRING_HOST, "");
  EXPECT_EQ(AssembleClient(event).url_full, "");
  EXPECT_EQ(AssembleClient(event).server_address, "");
}

TEST(ClientAssembler, TakesDefaultPortOfScheme) {
  up_http_event event = ClientEvent();
  SetString(event, event.scheme, UP_STRING_SCHEME, "https");
  SetString(event, event.host, UP_STRING_HOST, "[2001:db8::1]");

  const Span span = AssembleClient(event);

  EXPECT_EQ(span.server_address, "2001:db8::1");
  EXPECT_EQ(span.server_port, 443u);
  EXPECT_EQ(span.url_full, "https://[2001:db8::1]/reserve");
}

TEST(ClientAssembler, CountsErrorsFrom400AndOfGo) {
  up_http_event event = ClientEvent();
  event.status = 399;
  EXPECT_EQ(AssembleClient(event).error_type, "");
  event.status = 404;
  EXPECT_EQ(AssembleClient(event).error_type, "404");
  event.status = 0;
  EXPECT_EQ(AssembleClient(event).error_type, "");
  EXPECT_EQ(AssembleClient(event).status_code, 0u);
  event.flags = UP_FLAG_ERROR;
  EXPECT_EQ(AssembleClient(event).error_type, "_OTHER");
}

TEST(ClientAssembler, TellsHowTheBodyEnded) {
  up_http_event event = ClientEvent();
  EXPECT_EQ(AssembleClient(event).body_end, "");
  EXPECT_EQ(AssembleClient(event).first_byte_unix_ns, 0);
  event.first_byte_ns = event.start_ns + 1;
  event.flags = UP_FLAG_BODY_READ;
  EXPECT_EQ(AssembleClient(event).body_end, "read");
  EXPECT_EQ(AssembleClient(event).first_byte_unix_ns, AssembleClient(event).start_unix_ns + 1);
  event.flags = UP_FLAG_BODY_CLOSED;
  EXPECT_EQ(AssembleClient(event).body_end, "closed");
  EXPECT_EQ(AssembleClient(event).error_type, "");
  event.flags = UP_FLAG_BODY_READ | UP_FLAG_ERROR;
  EXPECT_EQ(AssembleClient(event).body_end, "");
  EXPECT_EQ(AssembleClient(event).error_type, "_OTHER");
  EXPECT_EQ(AssembleClient(event).status_code, 201u);
}

TEST(ClientAssembler, KnowsServerSpanOfItsGoroutineAsParent) {
  up_http_event event = ClientEvent();
  event.flags = UP_FLAG_LOCAL_PARENT;
  event.parent_span_id[7] = 2;

  const Span span = AssembleClient(event);

  EXPECT_EQ(span.parent_source, ParentSource::kGoroutine);
  EXPECT_EQ(span.parent_span_id[7], 2);
}

TEST(ClientAssembler, KnowsServerSpanThatItsContextLeadsToAsParent) {
  up_http_event event = ClientEvent();
  event.flags = UP_FLAG_CONTEXT_PARENT;
  event.parent_span_id[7] = 2;

  const Span span = AssembleClient(event);

  EXPECT_EQ(span.parent_source, ParentSource::kContext);
  EXPECT_EQ(span.parent_span_id[7], 2);
}

TEST(ClientAssembler, KnowsServerSpanThatHandedWorkOverAsParent) {
  up_http_event event = ClientEvent();
  event.parent_span_id[7] = 2;

  event.flags = UP_FLAG_GOROUTINE_PARENT;
  EXPECT_EQ(AssembleClient(event).parent_source, ParentSource::kGoroutineStart);
  event.flags = UP_FLAG_CHANNEL_PARENT;
  EXPECT_EQ(AssembleClient(event).parent_source, ParentSource::kChannel);
}

TEST(ClientAssembler, NamesEveryCutAttributeInOrder) {
  up_http_event event = ClientEvent();
  SetString(event, event.scheme, UP_STRING_SCHEME, std::string(9, 's'));
  SetString(event, event.target, UP_STRING_TARGET, "/" + std::string(300, 't'));
  SetString(event, event.query, UP_STRING_QUERY, std::string(300, 'q'));
  SetString(event, event.host, UP_STRING_HOST, std::string(200, 'h'));

  EXPECT_EQ(AssembleClient(event).truncated, "url.scheme,url.path,url.full,server.address");
  EXPECT_EQ(AssembleClient(event, true).truncated,
            "url.scheme,url.path,url.query,url.full,server.address");
}

}  // namespace
}  // namespace uprobed::span
