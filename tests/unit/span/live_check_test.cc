#include "server/span/live_check.h"

#include <algorithm>
#include <functional>

#include "bpf/abi/profile_slot.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/span/event_builder.h"

namespace uprobed::span {
namespace {

using ::testing::Each;
using ::testing::Field;
using ::testing::IsEmpty;

constexpr int kMany = 20;

FieldVerdict VerdictOf(const LiveCheck& check, std::string_view field) {
  for (const FieldFinding& finding : check.Findings()) {
    if (finding.field == field) return finding.verdict;
  }
  return FieldVerdict::kUnverified;
}

TEST(LiveCheck, VerifiesWhatIsRight) {
  LiveCheck check;
  for (int i = 0; i < kMany; ++i) {
    up_http_event server = ServerEvent();
    server.request_size = 5;
    up_http_event client = ClientEvent();
    const up_http_event server_before = server;
    const up_http_event client_before = client;
    check.Check(server);
    check.Check(client);
    EXPECT_EQ(std::memcmp(&server, &server_before, sizeof(server)), 0);
    EXPECT_EQ(std::memcmp(&client, &client_before, sizeof(client)), 0);
  }
  EXPECT_EQ(check.Findings().size(), 14U);
  EXPECT_THAT(check.Findings(), Each(Field(&FieldFinding::verdict, FieldVerdict::kVerified)));
}

TEST(LiveCheck, JudgesTheFieldsOfTheImplementationThatServed) {
  LiveCheck check;
  for (int i = 0; i < kMany; ++i) {
    up_http_event event = ServerEvent();
    event.http2 = 1 + UP_HTTP2_MODULE;
    event.status = 7;
    check.Check(event);
    EXPECT_EQ(event.status, 0U);
  }

  EXPECT_EQ(VerdictOf(check, "golang.org/x/net/http2.responseWriterState.status"),
            FieldVerdict::kRefuted);
  EXPECT_EQ(VerdictOf(check, "golang.org/x/net/http2.responseWriterState.wroteBytes"),
            FieldVerdict::kVerified);
  for (const char* other : {"net/http.response.status", "net/http.http2responseWriterState.status",
                            "net/http/internal/http2.responseWriterState.status"}) {
    EXPECT_EQ(VerdictOf(check, other), FieldVerdict::kUnverified) << other;
  }
}

// A value that a field cannot have, how an event then looks, and whose offset is refuted.
struct Impossible {
  const char* name;
  std::string_view field;
  std::function<up_http_event()> event;
  std::function<bool(const up_http_event&)> withheld;
};

up_http_event With(up_http_event event, const std::function<void(up_http_event&)>& change) {
  change(event);
  return event;
}

bool Unread(const up_http_event& event, unsigned string) {
  return event.lengths[string] == 0 && (event.unread & 1U << string) != 0 &&
         (event.flags & UP_FLAG_READ_FAULT) != 0;
}

void MakeUnread(up_http_event& event, unsigned string) {
  event.lengths[string] = 0;
  event.unread = static_cast<uint8_t>(1U << string);
  event.flags |= UP_FLAG_READ_FAULT;
}

const Impossible kImpossible[] = {
    {"EmptyMethod", "net/http.Request.Method",
     [] { return With(ServerEvent(), [](auto& e) { e.lengths[UP_STRING_METHOD] = 0; }); },
     [](const auto& e) { return Unread(e, UP_STRING_METHOD); }},
    {"MethodThatIsAnAddress", "net/http.Request.Method",
     [] {
       return With(ServerEvent(),
                   [](auto& e) { SetString(e, e.method, UP_STRING_METHOD, "10.0.0.9:4711"); });
     },
     [](const auto& e) { return Unread(e, UP_STRING_METHOD); }},
    {"TargetThatIsAnAddress", "net/http.Request.RequestURI",
     [] {
       return With(ServerEvent(),
                   [](auto& e) { SetString(e, e.target, UP_STRING_TARGET, "10.0.0.9:4711"); });
     },
     [](const auto& e) { return Unread(e, UP_STRING_TARGET); }},
    {"TargetOutsideOfMemory", "net/http.Request.RequestURI",
     [] { return With(ServerEvent(), [](auto& e) { MakeUnread(e, UP_STRING_TARGET); }); },
     [](const auto& e) { return Unread(e, UP_STRING_TARGET); }},
    {"HostWithControlCharacter", "net/http.Request.Host",
     [] {
       return With(ServerEvent(), [](auto& e) { SetString(e, e.host, UP_STRING_HOST, "a\x01"); });
     },
     [](const auto& e) { return Unread(e, UP_STRING_HOST); }},
    {"PeerOfBytes", "net/http.Request.RemoteAddr",
     [] {
       return With(ServerEvent(),
                   [](auto& e) { SetString(e, e.peer, UP_STRING_PEER, "\x02\x03"); });
     },
     [](const auto& e) { return Unread(e, UP_STRING_PEER); }},
    {"StatusThatIsAPointer", "net/http.response.status",
     [] { return With(ServerEvent(), [](auto& e) { e.status = 0x000a1230; }); },
     [](const auto& e) { return e.status == 0 && (e.flags & UP_FLAG_READ_FAULT) != 0; }},
    {"NoStatusOfAWrittenBody", "net/http.response.status",
     [] { return With(ServerEvent(), [](auto& e) { e.status = 0; }); },
     [](const auto& e) { return e.status == 0 && (e.flags & UP_FLAG_READ_FAULT) != 0; }},
    {"SizeThatIsAPointer", "net/http.response.written",
     [] { return With(ServerEvent(), [](auto& e) { e.response_size = 0xc000123400; }); },
     [](const auto& e) { return e.response_size == -1; }},
    {"NegativeSize", "net/http.response.written",
     [] { return With(ServerEvent(), [](auto& e) { e.response_size = -1; }); },
     [](const auto& e) { return e.response_size == -1; }},
    {"RequestSizeThatIsAPointer", "net/http.Request.ContentLength",
     [] { return With(ServerEvent(), [](auto& e) { e.request_size = 0xc000123400; }); },
     [](const auto& e) { return e.request_size == -1; }},
    {"NoProtocol", "net/http.Request.ProtoMajor",
     [] { return With(ServerEvent(), [](auto& e) { e.protocol_major = 0; }); },
     [](const auto& e) { return e.protocol_major == 0; }},
    {"PathThatIsAHost", "net/url.URL.Path",
     [] {
       return With(ClientEvent(),
                   [](auto& e) { SetString(e, e.target, UP_STRING_TARGET, "stock:8081"); });
     },
     [](const auto& e) { return Unread(e, UP_STRING_TARGET); }},
    {"NoScheme", "net/url.URL.Scheme",
     [] { return With(ClientEvent(), [](auto& e) { e.lengths[UP_STRING_SCHEME] = 0; }); },
     [](const auto& e) { return Unread(e, UP_STRING_SCHEME); }},
    {"NoStatusOfAResponse", "net/http.Response.StatusCode",
     [] { return With(ClientEvent(), [](auto& e) { e.status = 0; }); },
     [](const auto& e) { return e.status == 0; }},
    {"StatusOutOfRange", "net/http.Response.StatusCode",
     [] { return With(ClientEvent(), [](auto& e) { e.status = 1000; }); },
     [](const auto& e) { return e.status == 0; }},
};

class LiveCheckOf : public ::testing::TestWithParam<Impossible> {};

TEST_P(LiveCheckOf, WithholdsFromTheFirstAndRefutes) {
  LiveCheck check;
  for (int i = 0; i < kMany; ++i) {
    up_http_event event = GetParam().event();
    check.Check(event);
    EXPECT_TRUE(GetParam().withheld(event)) << i;
  }
  for (const FieldFinding& finding : check.Findings()) {
    EXPECT_EQ(finding.verdict == FieldVerdict::kRefuted, finding.field == GetParam().field)
        << finding.field << " " << Name(finding.verdict);
  }

  // Nothing of the field is believed any more, even where it looks right.
  up_http_event good =
      GetParam().event().kind == UP_EVENT_HTTP_SERVER ? ServerEvent() : ClientEvent();
  check.Check(good);
  EXPECT_TRUE(GetParam().withheld(good));
}

INSTANTIATE_TEST_SUITE_P(All, LiveCheckOf, ::testing::ValuesIn(kImpossible),
                         [](const auto& test) { return test.param.name; });

TEST(LiveCheck, DrawsNothingFromValuesThatProveNothing) {
  LiveCheck check;
  for (int i = 0; i < kMany; ++i) {
    up_http_event event = ServerEvent();
    event.status = 0;
    event.request_size = 0;
    event.response_size = 0;
    event.lengths[UP_STRING_HOST] = 0;
    SetString(event, event.peer, UP_STRING_PEER, "@");
    check.Check(event);
    EXPECT_EQ(event.flags & UP_FLAG_READ_FAULT, 0U);
  }
  EXPECT_EQ(check.Findings().size(), 3U);  // method, target and protocol
}

TEST(LiveCheck, DrawsNothingFromARequestThatFailed) {
  LiveCheck check;
  up_http_event event = ClientEvent();
  event.flags |= UP_FLAG_ERROR;
  event.status = 0;
  for (int i = 0; i < kMany; ++i) check.Check(event);
  EXPECT_THAT(check.Findings(), IsEmpty());
}

TEST(LiveCheck, DrawsNothingFromWhatWasNoRequest) {
  LiveCheck check;
  up_http_event event = ServerEvent();
  event.flags |= UP_FLAG_REFUSED;
  event.lengths[UP_STRING_METHOD] = 0;
  for (int i = 0; i < kMany; ++i) check.Check(event);
  EXPECT_THAT(check.Findings(), IsEmpty());
}

TEST(LiveCheck, SuspectsAFieldThatIsOnlySometimesRight) {
  LiveCheck check;
  for (int i = 0; i < kMany; ++i) {
    up_http_event event = ServerEvent();
    if (i % 2 == 1) event.status = 5000;
    check.Check(event);
    EXPECT_EQ(event.status, i % 2 == 1 ? 0U : 200U) << i;
  }
  EXPECT_EQ(VerdictOf(check, "net/http.response.status"), FieldVerdict::kSuspect);
}

TEST(LiveCheck, SuspectsATargetThatIsNeverThere) {
  LiveCheck check;
  for (int i = 0; i < 2 * kMany; ++i) {
    up_http_event event = ServerEvent();
    event.lengths[UP_STRING_TARGET] = 0;
    check.Check(event);
    EXPECT_TRUE(Unread(event, UP_STRING_TARGET));
  }
  EXPECT_EQ(VerdictOf(check, "net/http.Request.RequestURI"), FieldVerdict::kSuspect);

  for (int i = 0; i < kMany; ++i) {
    up_http_event event = ServerEvent();
    check.Check(event);
  }
  EXPECT_EQ(VerdictOf(check, "net/http.Request.RequestURI"), FieldVerdict::kVerified);
}

TEST(LiveCheck, BelievesThatAPathIsEmptyOnceOneWasSeen) {
  LiveCheck check;
  up_http_event event = ClientEvent();
  check.Check(event);
  for (int i = 0; i < 2 * kMany; ++i) {
    event = ClientEvent();
    event.lengths[UP_STRING_TARGET] = 0;
    check.Check(event);
    EXPECT_EQ(event.unread, 0);
  }
  EXPECT_EQ(VerdictOf(check, "net/url.URL.Path"), FieldVerdict::kUnverified);
}

TEST(LiveCheck, BelievesThatAPathIsEmptyWhereTwoSourcesAgreeOnItsOffset) {
  LiveCheck check({"net/url.URL.Path"});
  for (int i = 0; i < 2 * kMany; ++i) {
    up_http_event event = ClientEvent();
    event.lengths[UP_STRING_TARGET] = 0;
    check.Check(event);
    EXPECT_EQ(event.unread, 0);
  }
  EXPECT_EQ(VerdictOf(check, "net/url.URL.Path"), FieldVerdict::kUnverified);
}

TEST(LiveCheck, DoesNotDoubtAVerifiedField) {
  LiveCheck check;
  for (int i = 0; i < kMany; ++i) {
    up_http_event event = ServerEvent();
    check.Check(event);
  }
  up_http_event event = ServerEvent();
  event.response_size = int64_t{1} << 41;
  check.Check(event);
  EXPECT_EQ(event.response_size, int64_t{1} << 41);
}

}  // namespace
}  // namespace uprobed::span
