#include "client/escape.h"

#include <array>
#include <cstdint>

#include "fmt/format.h"

namespace uprobed::client {
namespace {

struct CodePoint {
  uint32_t value = 0;
  size_t size = 0;  // bytes; 0: not valid UTF-8
};

// The first code point of `text`, which is not empty. Overlong forms and surrogates are invalid:
// they are how filters are passed by.
CodePoint DecodeFirst(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  size_t size = 0;
  uint32_t value = 0;
  uint32_t minimum = 0;
  if ((lead & 0xe0) == 0xc0) {
    size = 2, value = lead & 0x1fU, minimum = 0x80;
  } else if ((lead & 0xf0) == 0xe0) {
    size = 3, value = lead & 0x0fU, minimum = 0x800;
  } else if ((lead & 0xf8) == 0xf0) {
    size = 4, value = lead & 0x07U, minimum = 0x10000;
  } else {
    return {};
  }
  if (text.size() < size) return {};
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = (value << 6) | (byte(i) & 0x3fU);
  }
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < minimum || value > 0x10ffff || surrogate) return {};
  return {value, size};
}

struct Range {
  uint32_t first;
  uint32_t last;
};

// Beyond ASCII: C1 controls (0x9b is an escape sequence to some terminals), invisible characters,
// line breaks, and what changes the writing direction (Unicode TR 36, section 2.5 and 2.10).
constexpr std::array kDangerous = {
    Range{0x80, 0x9f},     Range{0xad, 0xad},      Range{0x61c, 0x61c},   Range{0x180e, 0x180e},
    Range{0x200b, 0x200f}, Range{0x2028, 0x202e},  Range{0x2060, 0x206f}, Range{0xfeff, 0xfeff},
    Range{0xfff9, 0xfffb}, Range{0xe0000, 0xe007f}};

bool IsDangerous(uint32_t code_point) {
  for (const Range& range : kDangerous) {
    if (code_point >= range.first && code_point <= range.last) return true;
  }
  return false;
}

std::string EscapeAscii(uint32_t character) {
  switch (character) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\\':
      return "\\\\";
    default:
      return fmt::format("\\x{:02x}", character);
  }
}

std::string EscapeWide(uint32_t code_point) {
  return code_point > 0xffff ? fmt::format("\\U{:08x}", code_point)
                             : fmt::format("\\u{:04x}", code_point);
}

// JSON has no \U: above the basic plane a code point is two surrogates.
std::string EscapeJsonWide(uint32_t code_point) {
  if (code_point <= 0xffff) return fmt::format("\\u{:04x}", code_point);
  const uint32_t rest = code_point - 0x10000;
  return fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
}

std::string EscapeJsonAscii(uint32_t character) {
  switch (character) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    default:
      return fmt::format("\\u{:04x}", character);
  }
}

}  // namespace

std::string EscapeUntrusted(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = DecodeFirst(text);
    if (point.size == 0) {
      escaped += fmt::format("\\x{:02x}", static_cast<uint8_t>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    if (point.value < 0x20 || point.value == 0x7f || point.value == '\\') {
      escaped += EscapeAscii(point.value);
    } else if (IsDangerous(point.value)) {
      escaped += EscapeWide(point.value);
    } else {
      escaped += text.substr(0, point.size);
    }
    text.remove_prefix(point.size);
  }
  return escaped;
}

std::string QuoteJson(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const CodePoint point = DecodeFirst(text);
    if (point.size == 0) {
      // JSON is Unicode: a stray byte can only be replaced.
      quoted += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    const bool special =
        point.value < 0x20 || point.value == 0x7f || point.value == '\\' || point.value == '"';
    if (special) {
      quoted += EscapeJsonAscii(point.value);
    } else if (IsDangerous(point.value)) {
      quoted += EscapeJsonWide(point.value);
    } else {
      quoted += text.substr(0, point.size);
    }
    text.remove_prefix(point.size);
  }
  return quoted + "\"";
}

size_t CountCharacters(std::string_view text) {
  size_t count = 0;
  for (const char c : text) {
    // Continuation bytes belong to the character before.
    if ((static_cast<uint8_t>(c) & 0xc0) != 0x80) ++count;
  }
  return count;
}

}  // namespace uprobed::client
