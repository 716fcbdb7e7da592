#include "server/span/grpc_parts.h"

#include <algorithm>
#include <array>

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

}  // namespace uprobed::span
