#include "server/span/path_template.h"

#include <algorithm>
#include <cstddef>

namespace uprobed::span {
namespace {

constexpr size_t kMaxSegments = 8;
constexpr size_t kMinHexLength = 8;
// ULID, KSUID, base64 of 16 bytes and what object stores hand out are longer.
constexpr size_t kMinOpaqueLength = 20;
// Of orders, dates and postcodes: a version or a year has less.
constexpr std::ptrdiff_t kMinDigits = 5;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool IsIdentifier(std::string_view segment) {
  if (segment.empty() || std::none_of(segment.begin(), segment.end(), IsDigit)) return false;
  if (std::all_of(segment.begin(), segment.end(), IsDigit)) return true;
  // A UUID is hexadecimal but for its hyphens.
  const bool hex =
      std::all_of(segment.begin(), segment.end(), [](char c) { return IsHex(c) || c == '-'; });
  if (hex && segment.size() >= kMinHexLength && segment.front() != '-') return true;
  // A dot makes it a file, or a name.
  if (segment.find('.') != std::string_view::npos) return false;
  return segment.size() >= kMinOpaqueLength ||
         std::count_if(segment.begin(), segment.end(), IsDigit) >= kMinDigits;
}

}  // namespace

void AppendPathTemplate(std::string_view path, std::string& to) {
  for (size_t segments = 0; !path.empty(); ++segments) {
    const size_t end = path.find('/');
    const std::string_view segment = path.substr(0, end);
    // What is before the first slash is no segment.
    if (segments > kMaxSegments) {
      to += '*';
      return;
    }
    to += IsIdentifier(segment) ? "{id}" : segment;
    if (end == std::string_view::npos) break;
    to += '/';
    path.remove_prefix(end + 1);
  }
}

std::string PathTemplate(std::string_view path) {
  std::string result;
  AppendPathTemplate(path, result);
  return result;
}

}  // namespace uprobed::span
