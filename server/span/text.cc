#include "server/span/text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace uprobed::span {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

uint8_t ByteAt(std::string_view bytes, size_t index) { return static_cast<uint8_t>(bytes[index]); }

bool IsContinuation(uint8_t byte) { return (byte & 0xC0U) == 0x80U; }

// Bytes of the sequence that `lead` begins; 0 where it cannot begin one (RFC 3629).
size_t SequenceLength(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// The second byte is where RFC 3629 excludes overlong forms, surrogates and what is above U+10FFFF.
bool IsSecondByte(uint8_t lead, uint8_t second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return IsContinuation(second);
  }
}

// Length of the valid sequence at the start of `bytes` (not empty); 0 where there is none.
size_t ValidSequence(std::string_view bytes) {
  const size_t length = SequenceLength(ByteAt(bytes, 0));
  if (length == 0 || length > bytes.size()) return 0;
  if (length > 1 && !IsSecondByte(ByteAt(bytes, 0), ByteAt(bytes, 1))) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (!IsContinuation(ByteAt(bytes, i))) return 0;
  }
  return length;
}

bool IsControl(std::string_view sequence) {
  const uint8_t first = ByteAt(sequence, 0);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && ByteAt(sequence, 1) < 0xA0;  // U+0080 to U+009F
}

bool IsPrintableAscii(char character) { return character >= 0x20 && character < 0x7F; }

}  // namespace

void AppendSanitized(std::string_view bytes, std::string& to) {
  if (std::all_of(bytes.begin(), bytes.end(), IsPrintableAscii)) {
    to += bytes;
    return;
  }
  while (!bytes.empty()) {
    const size_t length = ValidSequence(bytes);
    if (length == 0 || IsControl(bytes.substr(0, length))) {
      to += kReplacement;
    } else {
      to += bytes.substr(0, length);
    }
    bytes.remove_prefix(std::max<size_t>(length, 1));
  }
}

std::string SanitizeText(std::string_view bytes) {
  std::string text;
  AppendSanitized(bytes, text);
  return text;
}

std::string_view DropCutSequence(std::string_view bytes) {
  constexpr size_t kLongestIncomplete = 3;
  for (size_t tail = 1; tail <= std::min(kLongestIncomplete, bytes.size()); ++tail) {
    const uint8_t byte = ByteAt(bytes, bytes.size() - tail);
    if (IsContinuation(byte)) continue;
    return SequenceLength(byte) > tail ? bytes.substr(0, bytes.size() - tail) : bytes;
  }
  return bytes;
}

}  // namespace uprobed::span
