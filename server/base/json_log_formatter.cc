#include "server/base/json_log_formatter.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace uprobed {
namespace {

constexpr char kMessageFlag = '*';
constexpr size_t kInvalid = 0;

uint8_t ByteAt(std::string_view text, size_t index) {
  return index < text.size() ? static_cast<uint8_t>(text[index]) : 0;
}

bool InRange(uint8_t byte, uint8_t first, uint8_t last) { return byte >= first && byte <= last; }

// The length of the UTF-8 sequence that `text` begins with, or kInvalid: the table of well-formed
// sequences of RFC 3629, section 4, which leaves out overlong forms and surrogates.
size_t SequenceLength(std::string_view text) {
  const uint8_t first = ByteAt(text, 0);
  if (first <= 0x7f) return 1;
  size_t length = 0;
  uint8_t second_first = 0x80;
  uint8_t second_last = 0xbf;
  if (InRange(first, 0xc2, 0xdf)) {
    length = 2;
  } else if (InRange(first, 0xe0, 0xef)) {
    length = 3;
    if (first == 0xe0) second_first = 0xa0;
    if (first == 0xed) second_last = 0x9f;
  } else if (InRange(first, 0xf0, 0xf4)) {
    length = 4;
    if (first == 0xf0) second_first = 0x90;
    if (first == 0xf4) second_last = 0x8f;
  } else {
    return kInvalid;
  }
  if (!InRange(ByteAt(text, 1), second_first, second_last)) return kInvalid;
  for (size_t index = 2; index < length; ++index) {
    if (!InRange(ByteAt(text, index), 0x80, 0xbf)) return kInvalid;
  }
  return length;
}

void AppendAscii(std::string& quoted, char character) {
  switch (character) {
    case '"':
      quoted += "\\\"";
      return;
    case '\\':
      quoted += "\\\\";
      return;
    case '\n':
      quoted += "\\n";
      return;
    case '\r':
      quoted += "\\r";
      return;
    case '\t':
      quoted += "\\t";
      return;
    default:
      break;
  }
  // DEL needs no escape in JSON, but a terminal should not get it.
  if (static_cast<uint8_t>(character) < 0x20 || character == 0x7f) {
    fmt::format_to(std::back_inserter(quoted), "\\u{:04x}", static_cast<int>(character));
  } else {
    quoted += character;
  }
}

class JsonMessageFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& destination) override {
    const std::string quoted = JsonQuote({message.payload.data(), message.payload.size()});
    destination.append(quoted.data(), quoted.data() + quoted.size());
  }

  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessageFlag>();
  }
};

}  // namespace

std::string JsonQuote(std::string_view text) {
  std::string quoted = "\"";
  quoted.reserve(text.size() + 2);
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == kInvalid) {
      quoted += "\\ufffd";
    } else if (length == 1) {
      AppendAscii(quoted, text.front());
    } else {
      quoted += text.substr(0, length);
    }
    text.remove_prefix(length == kInvalid ? 1 : length);
  }
  quoted += '"';
  return quoted;
}

std::unique_ptr<spdlog::formatter> MakeJsonLogFormatter() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<JsonMessageFlag>(kMessageFlag)
      .set_pattern(R"({"ts":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","thread":%t,"msg":%*})");
  return formatter;
}

}  // namespace uprobed
