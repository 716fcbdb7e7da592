#include "server/span/decode.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "tests/unit/span/event_builder.h"

namespace uprobed::span {
namespace {

absl::StatusOr<up_http_event> Decode(const up_http_event& event) {
  return DecodeHttpEvent(std::as_bytes(std::span(&event, 1)));
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

TEST(Decode, RefusesEveryOtherSize) {
  const std::vector<std::byte> bytes(2 * sizeof(up_http_event));

  for (size_t size = 0; size <= bytes.size(); ++size) {
    if (size == sizeof(up_http_event)) continue;
    ExpectMalformed(DecodeHttpEvent(std::span(bytes).first(size)));
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

  EXPECT_TRUE(Decode(event).ok());
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
