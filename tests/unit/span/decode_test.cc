#include "server/span/decode.h"

#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "tests/unit/span/event_builder.h"
#include "tests/unit/span/record_builder.h"

namespace uprobed::span {
namespace {

absl::StatusOr<up_http_event> Decode(const up_http_event& event) {
  return DecodeHttpEvent(RecordOf(event));
}

// What the programs make of ServerEvent(), with one thing changed.
absl::StatusOr<up_http_event> DecodeWith(const std::function<void(up_http_record&)>& change) {
  std::vector<std::byte> record = RecordOf(ServerEvent());
  up_http_record head;
  std::memcpy(&head, record.data(), sizeof(head));
  change(head);
  std::memcpy(record.data(), &head, sizeof(head));
  return DecodeHttpEvent(record);
}

void ExpectMalformed(const absl::StatusOr<up_http_event>& event) {
  ASSERT_FALSE(event.ok());
  EXPECT_EQ(event.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReasonOf(event.status()), "RECORD_MALFORMED");
}

TEST(Decode, CopiesServerAndClientEvents) {
  const absl::StatusOr<up_http_event> server = Decode(ServerEvent());
  const absl::StatusOr<up_http_event> client = Decode(ClientEvent());

  ASSERT_TRUE(server.ok());
  EXPECT_EQ(server->tgid, 42u);
  EXPECT_EQ(std::string_view(server->target, server->lengths[UP_STRING_TARGET]), "/items/7?q=1");
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(client->status, 201u);
}

TEST(Decode, CopiesEachNumber) {
  up_http_event event = ClientEvent();
  event.slot = 1;
  event.tid = 2;
  event.flags = UP_FLAG_ERROR | UP_FLAG_TLS;
  event.truncated = 3;
  event.unread = 4;
  event.trace_flags = 5;
  event.http2 = 6;
  event.parent_span_id[3] = 7;
  event.error_method = 8;
  event.error_value = 9;
  event.first_byte_ns = event.start_ns + 10;

  const absl::StatusOr<up_http_event> decoded = Decode(event);

  ASSERT_TRUE(decoded.ok());
  const up_http_record from = HeadOf(event);
  const up_http_record to = HeadOf(*decoded);
  EXPECT_EQ(std::memcmp(&from, &to, sizeof(from)), 0);
}

TEST(Decode, RefusesWhatIsShorterThanItsStringsOrLongerThanAll) {
  std::vector<std::byte> record = RecordOf(ServerEvent());
  ASSERT_TRUE(DecodeHttpEvent(record).ok());

  for (size_t size = 0; size < record.size(); ++size) {
    ExpectMalformed(DecodeHttpEvent(std::span(record).first(size)));
  }
  record.resize(sizeof(up_http_record) + UP_TEXT_MAX);
  EXPECT_TRUE(DecodeHttpEvent(record).ok());
  record.resize(record.size() + 1);
  ExpectMalformed(DecodeHttpEvent(record));
}

TEST(Decode, TakesStringsWhereverTheyAreInTheText) {
  const absl::StatusOr<up_http_event> decoded = DecodeWith([](up_http_record& head) {
    head.begins[UP_STRING_ROUTE] = head.begins[UP_STRING_TARGET];
    head.lengths[UP_STRING_ROUTE] = 6;
    head.begins[UP_STRING_SCHEME] = 65535;  // of a string that is empty it says nothing
  });

  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(std::string_view(decoded->route, decoded->lengths[UP_STRING_ROUTE]), "/items");
}

TEST(Decode, RefusesStringsOutsideOfTheText) {
  for (const size_t begin :
       {size_t{0}, sizeof(up_http_record) - 1, size_t{65535}, RecordOf(ServerEvent()).size()}) {
    ExpectMalformed(DecodeWith([begin](up_http_record& head) {
      head.begins[UP_STRING_TARGET] = static_cast<uint16_t>(begin);
    }));
  }
}

TEST(Decode, RefusesUnknownKinds) {
  for (const uint32_t kind : {0u, 5u, 0xffffffffu}) {
    up_http_event event = ServerEvent();
    event.kind = kind;
    ExpectMalformed(Decode(event));
  }
}

TEST(Decode, RefusesEndBeforeStart) {
  up_http_event event = ServerEvent();
  event.end_ns = event.start_ns - 1;

  ExpectMalformed(Decode(event));
}

TEST(Decode, RefusesTimesThatWallClockCannotHold) {
  up_http_event event = ServerEvent();
  event.end_ns = (uint64_t{1} << 62U) + 1;

  ExpectMalformed(Decode(event));
}

TEST(Decode, RefusesAFirstByteOutsideOfTheRequest) {
  up_http_event event = ServerEvent();
  for (const uint64_t inside : {event.start_ns, event.end_ns}) {
    event.first_byte_ns = inside;
    EXPECT_TRUE(Decode(event).ok());
  }
  for (const uint64_t outside : {event.start_ns - 1, event.end_ns + 1}) {
    event.first_byte_ns = outside;
    ExpectMalformed(Decode(event));
  }
}

TEST(Decode, TakesRequestThatEndsAsItStarts) {
  up_http_event event = ServerEvent();
  event.end_ns = event.start_ns;

  EXPECT_TRUE(Decode(event).ok());
}

struct Bound {
  unsigned index;
  uint16_t size;
  const char* name;
};
class DecodeBounds : public testing::TestWithParam<Bound> {};

TEST_P(DecodeBounds, TakesFullArray) {
  up_http_event event = ServerEvent();
  event.lengths[GetParam().index] = GetParam().size;

  const absl::StatusOr<up_http_event> decoded = Decode(event);

  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->lengths[GetParam().index], GetParam().size);
}

TEST_P(DecodeBounds, RefusesLengthBeyondArrayByName) {
  up_http_event event = ServerEvent();
  event.lengths[GetParam().index] = static_cast<uint16_t>(GetParam().size + 1);

  const absl::StatusOr<up_http_event> decoded = Decode(event);

  ExpectMalformed(decoded);
  EXPECT_THAT(std::string(decoded.status().message()), testing::HasSubstr(GetParam().name));
}

INSTANTIATE_TEST_SUITE_P(Strings, DecodeBounds,
                         testing::Values(Bound{UP_STRING_METHOD, UP_METHOD_MAX, "method"},
                                         Bound{UP_STRING_SCHEME, UP_SCHEME_MAX, "scheme"},
                                         Bound{UP_STRING_HOST, UP_HOST_MAX, "host"},
                                         Bound{UP_STRING_TARGET, UP_TARGET_MAX, "target"},
                                         Bound{UP_STRING_QUERY, UP_QUERY_MAX, "query"},
                                         Bound{UP_STRING_ROUTE, UP_ROUTE_MAX, "route"},
                                         Bound{UP_STRING_PEER, UP_PEER_MAX, "peer"}),
                         [](const auto& bound) { return std::string(bound.param.name); });

}  // namespace
}  // namespace uprobed::span
