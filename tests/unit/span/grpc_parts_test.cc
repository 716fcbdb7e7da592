#include "server/span/grpc_parts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace uprobed::span {
namespace {

up_http_event EventWithPeer(const std::vector<uint8_t>& ip, uint16_t port,
                            std::string_view zone = "") {
  up_tcp_address address{};
  std::memcpy(address.ip, ip.data(), ip.size());
  address.ip_size = static_cast<uint8_t>(ip.size());
  address.port = port;
  address.zone_length = static_cast<uint8_t>(zone.size());
  std::memcpy(address.zone, zone.data(), zone.size());
  up_http_event event{};
  std::memcpy(event.peer, &address, sizeof(address));
  return event;
}

const std::vector<uint8_t> kLinkLocal = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

TEST(GrpcParts, FullMethodIsServiceAndMethod) {
  EXPECT_EQ(ParseFullMethod("/shop.v1.Stock/Reserve").service, "shop.v1.Stock");
  EXPECT_EQ(ParseFullMethod("/shop.v1.Stock/Reserve").method, "Reserve");
  EXPECT_EQ(ParseFullMethod("/a/b/c").service, "a/b");
  EXPECT_EQ(ParseFullMethod("/a/b/c").method, "c");
  EXPECT_EQ(ParseFullMethod("Reserve").service, "");
  EXPECT_EQ(ParseFullMethod("Reserve").method, "Reserve");
  EXPECT_EQ(ParseFullMethod("").method, "");
  EXPECT_EQ(ParseFullMethod("/").method, "");
  EXPECT_EQ(ParseFullMethod("/cut.Service/").service, "cut.Service");
}

TEST(GrpcParts, CodesThatHaveANameAreCalledByIt) {
  EXPECT_EQ(GrpcCodeName(0), "OK");
  EXPECT_EQ(GrpcCodeName(5), "NOT_FOUND");
  EXPECT_EQ(GrpcCodeName(16), "UNAUTHENTICATED");
  EXPECT_EQ(GrpcCodeName(17), "17");
}

TEST(GrpcParts, OfAServerOnlyItsOwnFaultsAreErrors) {
  const std::vector<uint32_t> faults = {2, 4, 12, 13, 14, 15, 17};
  for (uint32_t code = 0; code <= 17; ++code) {
    const bool fault = std::find(faults.begin(), faults.end(), code) != faults.end();
    EXPECT_EQ(GrpcErrorType(Kind::kServer, code), fault ? GrpcCodeName(code) : "") << code;
    EXPECT_EQ(GrpcErrorType(Kind::kClient, code), code != 0 ? GrpcCodeName(code) : "") << code;
  }
}

TEST(GrpcParts, PeersAreWrittenAsGoWritesThem) {
  const auto text = [](const std::vector<uint8_t>& ip, std::string_view zone = "") {
    return ReadTcpPeer(EventWithPeer(ip, 443, zone)).address;
  };

  EXPECT_EQ(text({192, 0, 2, 1}), "192.0.2.1");
  EXPECT_EQ(text({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}), "192.0.2.1");
  EXPECT_EQ(text({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), "::1");
  EXPECT_EQ(text(kLinkLocal), "fe80::1");
  EXPECT_EQ(text(kLinkLocal, "eth0"), "fe80::1%eth0");
  EXPECT_EQ(ReadTcpPeer(EventWithPeer(kLinkLocal, 65535)).port, 65535U);
}

TEST(GrpcParts, AnAddressOfAnotherSizeIsNoPeer) {
  up_http_event event = EventWithPeer({192, 0, 2, 1}, 443);
  up_tcp_address address{};
  std::memcpy(&address, event.peer, sizeof(address));
  for (const int size : {0, 3, 5, 15, 17, 255}) {
    address.ip_size = static_cast<uint8_t>(size);
    std::memcpy(event.peer, &address, sizeof(address));
    EXPECT_EQ(ReadTcpPeer(event).address, "");
    EXPECT_EQ(ReadTcpPeer(event).port, 0U);
  }
}

TEST(GrpcParts, AZoneDoesNotReachBeyondItsPlace) {
  up_http_event event = EventWithPeer(kLinkLocal, 443, std::string(UP_ZONE_MAX, 'z'));
  up_tcp_address address{};
  std::memcpy(&address, event.peer, sizeof(address));
  address.zone_length = 255;
  std::memcpy(event.peer, &address, sizeof(address));

  EXPECT_EQ(ReadTcpPeer(event).address, "fe80::1%" + std::string(UP_ZONE_MAX, 'z'));
}

}  // namespace
}  // namespace uprobed::span
