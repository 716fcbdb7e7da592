#include "server/rpc/paging.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "server/rpc/status.h"

namespace uprobed::rpc {
namespace {

constexpr std::string_view kTokenPrefix = "v1:";

}  // namespace

absl::StatusOr<size_t> ParsePageSize(int32_t page_size) {
  if (page_size < 0) {
    return FieldError("PAGE_SIZE_NEGATIVE", "page_size",
                      fmt::format("page_size is {}: give 1 to {}, or 0 for {}", page_size,
                                  kMaxPageSize, kDefaultPageSize));
  }
  if (page_size == 0) return kDefaultPageSize;
  return std::min(static_cast<size_t>(page_size), kMaxPageSize);
}

absl::Status PageTokenMalformed() {
  return FieldError("PAGE_TOKEN_MALFORMED", "page_token",
                    "page_token is not one that this method gave: begin again without it");
}

std::string EncodePageToken(std::string_view last_name) {
  std::string token;
  for (const std::string_view part : {kTokenPrefix, last_name}) {
    for (const char c : part) token += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  return token;
}

absl::StatusOr<std::string> DecodePageToken(std::string_view token) {
  if (token.empty()) return std::string();
  if (token.size() % 2 != 0) return PageTokenMalformed();
  std::string text;
  for (size_t i = 0; i < token.size(); i += 2) {
    unsigned value = 0;
    const char* const end = token.data() + i + 2;
    const auto result = std::from_chars(token.data() + i, end, value, 16);
    if (result.ec != std::errc() || result.ptr != end) return PageTokenMalformed();
    text += static_cast<char>(value);
  }
  if (!text.starts_with(kTokenPrefix)) return PageTokenMalformed();
  return text.substr(kTokenPrefix.size());
}

}  // namespace uprobed::rpc
