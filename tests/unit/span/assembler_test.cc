#include "server/span/assembler.h"

#include <cstring>

#include "gtest/gtest.h"
#include "tests/unit/span/event_builder.h"

namespace uprobed::span {
namespace {

Span AssembleServer(const up_http_event& event, const EventSource& source = {}) {
  return Assemble(event, source, WallClock(0));
}

Span WithTarget(const std::string& target, bool capture_query = false) {
  up_http_event event = ServerEvent();
  SetString(event, event.target, UP_STRING_TARGET, target);
  return AssembleServer(event, {.capture_query = capture_query});
}

Span WithHost(const std::string& host, uint32_t flags = 0) {
  up_http_event event = ServerEvent();
  event.flags = flags;
  SetString(event, event.host, UP_STRING_HOST, host);
  return AssembleServer(event);
}

Span WithStatus(uint32_t status, uint32_t flags = 0) {
  up_http_event event = ServerEvent();
  event.status = status;
  event.flags = flags;
  return AssembleServer(event);
}

TEST(Assembler, MakesServerSpan) {
  const EventSource source{.probe = "shop",
                           .service_name = "shop-service",
                           .binary_path = "/srv/shop",
                           .network_namespace = 4026531840};

  const Span span = Assemble(ServerEvent(), source, WallClock(1'000'000'000));

  EXPECT_EQ(span.kind, Kind::kServer);
  EXPECT_EQ(span.start_unix_ns, 1'001'000'000);
  EXPECT_EQ(span.end_unix_ns, 1'006'000'000);
  EXPECT_EQ(span.probe, "probes/shop");
  EXPECT_EQ(span.service_name, "shop-service");
  EXPECT_EQ(span.binary_path, "/srv/shop");
  EXPECT_EQ(span.network_namespace, 4026531840u);
  EXPECT_EQ(span.pid, 42u);
  EXPECT_EQ(span.goroutine, 0xc000012000u);
  EXPECT_EQ(span.method, "GET");
  EXPECT_EQ(span.method_original, "");
  EXPECT_EQ(span.scheme, "http");
  EXPECT_EQ(span.path, "/items/7");
  EXPECT_EQ(span.query, "");
  EXPECT_EQ(span.route, "/items/{id}");
  EXPECT_EQ(span.url_full, "");
  EXPECT_EQ(span.server_address, "127.0.0.1");
  EXPECT_EQ(span.server_port, 8080u);
  EXPECT_EQ(span.peer_address, "10.0.0.9");
  EXPECT_EQ(span.peer_port, 4711u);
  EXPECT_EQ(span.protocol_version, "1.1");
  EXPECT_EQ(span.status_code, 200u);
  EXPECT_EQ(span.request_body_size, 0);
  EXPECT_EQ(span.response_body_size, 12);
  EXPECT_EQ(span.error_type, "");
  EXPECT_EQ(span.truncated, "");
  EXPECT_EQ(span.parent_source, ParentSource::kNone);
}

TEST(Assembler, KeepsQueryOnlyWhereCaptured) {
  EXPECT_EQ(WithTarget("/a?secret=1").query, "");
  EXPECT_EQ(WithTarget("/a?secret=1").path, "/a");
  EXPECT_EQ(WithTarget("/a?secret=1", true).query, "secret=1");
}

TEST(Assembler, NamesWhatWasCutOfTarget) {
  const std::string long_path = "/" + std::string(UP_TARGET_MAX, 'a');
  const std::string long_query = "/a?" + std::string(UP_TARGET_MAX, 'b');

  EXPECT_EQ(WithTarget(long_path, true).truncated, "url.path");
  EXPECT_EQ(WithTarget(long_path, true).path.size(), size_t{UP_TARGET_MAX});
  EXPECT_EQ(WithTarget(long_query, true).truncated, "url.query");
  EXPECT_EQ(WithTarget(long_query, false).truncated, "");
}

TEST(Assembler, NamesEveryCutAttributeInOrder) {
  up_http_event event = ServerEvent();
  SetString(event, event.method, UP_STRING_METHOD, std::string(20, 'M'));
  SetString(event, event.route, UP_STRING_ROUTE, "/" + std::string(200, 'r'));
  SetString(event, event.target, UP_STRING_TARGET, "/" + std::string(300, 't'));
  SetString(event, event.host, UP_STRING_HOST, std::string(200, 'h'));
  SetString(event, event.peer, UP_STRING_PEER, std::string(60, 'p'));

  EXPECT_EQ(AssembleServer(event).truncated,
            "http.request.method_original,http.route,url.path,server.address,network.peer.address");
}

TEST(Assembler, DoesNotTrustPortAtCut) {
  const Span span = WithHost(std::string(UP_HOST_MAX - 3, 'h') + ":80" + "80");

  EXPECT_EQ(span.server_address, std::string(UP_HOST_MAX - 3, 'h'));
  EXPECT_EQ(span.server_port, 0u);
}

TEST(Assembler, LeavesNoHalfCharacterAtCut) {
  const Span span = WithTarget(std::string(UP_TARGET_MAX - 1, '/') + "\xC3\xA4");

  EXPECT_EQ(span.path, std::string(UP_TARGET_MAX - 1, '/'));
}

TEST(Assembler, ReplacesWhatIsNoTextInEveryString) {
  up_http_event event = ServerEvent();
  SetString(event, event.method, UP_STRING_METHOD, "G\xFFT");
  SetString(event, event.host, UP_STRING_HOST, "h\xFF:1");
  SetString(event, event.target, UP_STRING_TARGET, "/\x1b?\n");
  SetString(event, event.route, UP_STRING_ROUTE, "/\r");
  SetString(event, event.peer, UP_STRING_PEER, "p\xFE:2");

  const Span span =
      AssembleServer(event, {.service_name = "s\n", .binary_path = "/\xFF", .capture_query = true});

  EXPECT_EQ(span.method_original, "G\xEF\xBF\xBDT");
  EXPECT_EQ(span.server_address, "h\xEF\xBF\xBD");
  EXPECT_EQ(span.path, "/\xEF\xBF\xBD");
  EXPECT_EQ(span.query, "\xEF\xBF\xBD");
  EXPECT_EQ(span.route, "/\xEF\xBF\xBD");
  EXPECT_EQ(span.peer_address, "p\xEF\xBF\xBD");
  EXPECT_EQ(span.service_name, "s\xEF\xBF\xBD");
  EXPECT_EQ(span.binary_path, "/\xEF\xBF\xBD");
}

TEST(Assembler, NormalisesMethod) {
  up_http_event event = ServerEvent();
  SetString(event, event.method, UP_STRING_METHOD, "PROPFIND");
  const Span unknown = AssembleServer(event);
  SetString(event, event.method, UP_STRING_METHOD, "");
  const Span empty = AssembleServer(event);
  event.unread = 1U << UP_STRING_METHOD;
  const Span unread = AssembleServer(event);

  EXPECT_EQ(unknown.method, "_OTHER");
  EXPECT_EQ(unknown.method_original, "PROPFIND");
  EXPECT_EQ(empty.method, "GET");
  EXPECT_EQ(unread.method, "");
}

TEST(Assembler, TakesSchemeAndDefaultPortFromTls) {
  EXPECT_EQ(WithHost("shop", UP_FLAG_TLS).scheme, "https");
  EXPECT_EQ(WithHost("shop", UP_FLAG_TLS).server_port, 443u);
  EXPECT_EQ(WithHost("shop").server_port, 80u);
  EXPECT_EQ(WithHost("shop:x").server_port, 0u);
  EXPECT_EQ(WithHost("").server_port, 0u);
  EXPECT_EQ(WithHost("[::1]:9").server_address, "::1");
  EXPECT_EQ(WithHost("[::1]:9").server_port, 9u);
}

TEST(Assembler, TakesUnwrittenServerStatusAs200) {
  EXPECT_EQ(WithStatus(0).status_code, 200u);
  EXPECT_EQ(WithStatus(0, UP_FLAG_ERROR).status_code, 0u);
  EXPECT_EQ(WithStatus(0, UP_FLAG_READ_FAULT).status_code, 0u);
}

TEST(Assembler, LeavesOutWhatIsNoStatus) {
  for (const uint32_t status : {99u, 1000u, 0xffffffffu}) {
    EXPECT_EQ(WithStatus(status).status_code, 0u) << status;
  }
  EXPECT_EQ(WithStatus(100).status_code, 100u);
  EXPECT_EQ(WithStatus(999).status_code, 999u);
}

TEST(Assembler, CountsServerErrorsFrom500) {
  EXPECT_EQ(WithStatus(404).error_type, "");
  EXPECT_EQ(WithStatus(499).error_type, "");
  EXPECT_EQ(WithStatus(500).error_type, "500");
  EXPECT_EQ(WithStatus(0, UP_FLAG_ERROR).error_type, "_OTHER");
}

TEST(Assembler, TellsWhyAResponseWasNotFinished) {
  const auto error_type = [](uint32_t flags) {
    return WithStatus(0, UP_FLAG_UNFINISHED | flags).error_type;
  };
  EXPECT_EQ(error_type(UP_FLAG_PANIC), "panic");
  EXPECT_EQ(error_type(UP_FLAG_PANIC | UP_FLAG_ABORTED), "net/http.ErrAbortHandler");
  EXPECT_EQ(error_type(UP_FLAG_GOEXIT), "runtime.Goexit");
  EXPECT_EQ(error_type(0), "_OTHER");
  EXPECT_EQ(error_type(UP_FLAG_HIJACKED), "");
  EXPECT_TRUE(WithStatus(0, UP_FLAG_UNFINISHED | UP_FLAG_HIJACKED).hijacked);
}

TEST(Assembler, KnowsNoStatusThatNobodyWrote) {
  EXPECT_EQ(WithStatus(0, UP_FLAG_UNFINISHED | UP_FLAG_PANIC).status_code, 0U);
  EXPECT_EQ(WithStatus(202, UP_FLAG_UNFINISHED | UP_FLAG_PANIC).status_code, 202U);
}

TEST(Assembler, SaysThatAResponseWasNotWritten) {
  EXPECT_EQ(WithStatus(200, UP_FLAG_WRITE_ERROR).error_type, "response_not_written");
  EXPECT_EQ(WithStatus(503, UP_FLAG_WRITE_ERROR).error_type, "503");
}

TEST(Assembler, KnowsNothingOfWhatWasNoRequestButItsAnswer) {
  const Span span = WithStatus(400, UP_FLAG_REFUSED);
  EXPECT_EQ(span.status_code, 400U);
  EXPECT_TRUE(span.refused);
  EXPECT_EQ(span.method, "_OTHER");
  EXPECT_EQ(span.method_original, "");
  EXPECT_EQ(span.scheme, "");
  EXPECT_EQ(span.path, "");
  EXPECT_EQ(span.peer_address, "");
  EXPECT_EQ(span.error_type, "");
}

TEST(Assembler, SaysThatNobodyStreamedSpansWhenARequestEnded) {
  EXPECT_FALSE(WithStatus(200, 0).unstreamed);
  EXPECT_TRUE(WithStatus(200, UP_FLAG_UNSTREAMED).unstreamed);
}

TEST(Assembler, KnowsParentOnlyWhereFlagged) {
  up_http_event event = ServerEvent();
  event.parent_span_id[0] = 9;
  const Span none = AssembleServer(event);
  event.flags = UP_FLAG_REMOTE_PARENT;
  const Span remote = AssembleServer(event);
  event.flags = UP_FLAG_CONNECTION_PARENT;
  const Span stitched = AssembleServer(event);
  event.parent_span_id[0] = 0;
  const Span zero = AssembleServer(event);

  EXPECT_FALSE(none.has_parent());
  EXPECT_EQ(none.parent_source, ParentSource::kNone);
  EXPECT_EQ(remote.parent_span_id[0], 9);
  EXPECT_EQ(remote.parent_source, ParentSource::kTraceparent);
  EXPECT_EQ(stitched.parent_span_id[0], 9);
  EXPECT_EQ(stitched.parent_source, ParentSource::kConnection);
  EXPECT_EQ(zero.parent_source, ParentSource::kNone);
}

TEST(Assembler, WritesProtocolVersionAsOpenTelemetryDoes) {
  up_http_event event = ServerEvent();
  event.protocol_minor = 0;
  EXPECT_EQ(AssembleServer(event).protocol_version, "1.0");
  event.protocol_major = 2;
  EXPECT_EQ(AssembleServer(event).protocol_version, "2");
  event.protocol_major = 0;
  EXPECT_EQ(AssembleServer(event).protocol_version, "");
}

TEST(Assembler, TellsThePeersOfGrpc) {
  up_http_event event = ServerEvent();
  event.kind = UP_EVENT_GRPC_SERVER;
  SetString(event, event.peer, UP_STRING_PEER, "192.0.2.7:99");
  EXPECT_EQ(AssembleServer(event).peer_address, "192.0.2.7");
  EXPECT_EQ(AssembleServer(event).peer_port, 99u);

  event.kind = UP_EVENT_GRPC_CLIENT;
  const up_tcp_address address{
      .ip = {198, 51, 100, 9}, .port = 443, .ip_size = 4, .zone_length = 0, .zone = {}};
  std::memcpy(event.peer, &address, sizeof(address));
  event.lengths[UP_STRING_PEER] = sizeof(address);
  event.flags |= UP_FLAG_PEER_ADDRESS;
  event.truncated |= 1U << UP_STRING_PEER;
  const Span span = AssembleServer(event);
  EXPECT_EQ(span.peer_address, "198.51.100.9");
  EXPECT_EQ(span.peer_port, 443u);
  EXPECT_EQ(span.truncated, "network.peer.address");

  event.lengths[UP_STRING_PEER] = 0;
  event.flags = 0;
  event.truncated = 0;
  EXPECT_EQ(AssembleServer(event).peer_address, "");
}

TEST(Assembler, LeavesOutPeerOfUnnamedUnixSocket) {
  up_http_event event = ServerEvent();
  SetString(event, event.peer, UP_STRING_PEER, "@");
  EXPECT_EQ(AssembleServer(event).peer_address, "");
  SetString(event, event.peer, UP_STRING_PEER, "[2001:db8::1]:99");
  EXPECT_EQ(AssembleServer(event).peer_address, "2001:db8::1");
  EXPECT_EQ(AssembleServer(event).peer_port, 99u);
}

TEST(Assembler, HasNoPathForConnect) {
  EXPECT_EQ(WithTarget("host:443").path, "");
  EXPECT_EQ(WithTarget("*").path, "*");
  EXPECT_EQ(WithTarget("http://host/p?x").path, "/p");
}

TEST(Assembler, TakesTheTemplateOfARouterAsItIs) {
  up_http_event event = ServerEvent();
  event.flags |= UP_FLAG_ROUTER_ROUTE;
  SetString(event, event.route, UP_STRING_ROUTE, "/api/*/items/{id:[0-9 ]+}");

  EXPECT_EQ(AssembleServer(event).route, "/api/items/{id:[0-9 ]+}");
}

}  // namespace
}  // namespace uprobed::span
