#include "server/rpc/resume_token.h"

#include <fmt/format.h>

#include <charconv>

#include "server/rpc/status.h"

namespace uprobed::rpc {
namespace {

constexpr std::string_view kPrefix = "w1-";

}  // namespace

std::string EncodeResumeToken(uint64_t sequence) {
  return sequence == 0 ? "" : fmt::format("{}{:x}", kPrefix, sequence);
}

absl::StatusOr<uint64_t> DecodeResumeToken(std::string_view token) {
  if (token.empty()) return 0;
  uint64_t sequence = 0;
  if (token.starts_with(kPrefix)) {
    token.remove_prefix(kPrefix.size());
    const char* const end = token.data() + token.size();
    const auto result = std::from_chars(token.data(), end, sequence, 16);
    if (result.ec == std::errc() && result.ptr == end && sequence != 0) return sequence;
  }
  return FieldError("RESUME_TOKEN_MALFORMED", "resume_token",
                    "resume_token is not one that WatchProbes gave: watch again without it");
}

}  // namespace uprobed::rpc
