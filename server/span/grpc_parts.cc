#include "server/span/grpc_parts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <iterator>

namespace uprobed::span {
namespace {

// In the order of the codes (google.golang.org/grpc/codes).
constexpr std::array kGrpcCodes = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

// UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
constexpr std::array<uint32_t, 6> kServerErrors = {2, 4, 12, 13, 14, 15};

// Of an address of IPv4 as IPv6 maps them (RFC 4291, 2.5.5.2), of which Go makes no difference.
constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr uint8_t kIpv4Size = 4;

}  // namespace

FullMethod ParseFullMethod(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {.service = {}, .method = path};
  return {.service = path.substr(0, slash), .method = path.substr(slash + 1)};
}

std::string GrpcCodeName(uint32_t code) {
  return code < kGrpcCodes.size() ? kGrpcCodes.at(code) : std::to_string(code);
}

std::string GrpcErrorType(Kind kind, uint32_t code) {
  const bool error =
      kind == Kind::kClient
          ? code != 0
          : code >= kGrpcCodes.size() ||
                std::find(kServerErrors.begin(), kServerErrors.end(), code) != kServerErrors.end();
  return error ? GrpcCodeName(code) : "";
}

Peer ReadTcpPeer(const up_http_event& event) {
  up_tcp_address from{};
  std::memcpy(&from, event.peer, sizeof(from));
  std::array<uint8_t, sizeof(from.ip)> ip{};
  std::copy(std::begin(from.ip), std::end(from.ip), ip.begin());
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool mapped = from.ip_size == ip.size() &&
                      std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), ip.begin());
  if (from.ip_size == kIpv4Size || mapped) {
    inet_ntop(AF_INET, ip.data() + (mapped ? kMappedPrefix.size() : 0), text.data(), text.size());
    return {.address = text.data(), .port = from.port};
  }
  if (from.ip_size != ip.size()) return {};
  inet_ntop(AF_INET6, ip.data(), text.data(), text.size());
  Peer peer{.address = text.data(), .port = from.port};
  const size_t zone = std::min<size_t>(from.zone_length, sizeof(from.zone));
  if (zone != 0) peer.address.append("%").append(from.zone, zone);
  return peer;
}

}  // namespace uprobed::span
