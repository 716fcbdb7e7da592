#include "server/profile/operands.h"

#include <array>
#include <charconv>
#include <utility>

namespace uprobed::profile {
namespace {

using RegisterNames = std::array<std::string_view, kRegisterCount>;

// Rows: 8, 4, 2 and 1 bytes. The high bytes (ah, ch, dh, bh) are parts of 0 to 3 as well.
constexpr std::array<std::pair<int, RegisterNames>, 4> kRegisterNames = {{
    {8,
     {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
      "r13", "r14", "r15"}},
    {4,
     {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d",
      "r13d", "r14d", "r15d"}},
    {2,
     {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w",
      "r14w", "r15w"}},
    {1,
     {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b",
      "r13b", "r14b", "r15b"}},
}};
constexpr std::array<std::string_view, 4> kHighBytes = {"ah", "ch", "dh", "bh"};

constexpr std::array<std::pair<std::string_view, int>, 6> kMemoryWidths = {
    {{"byte", 1}, {"word", 2}, {"dword", 4}, {"qword", 8}, {"xmmword", 16}, {"ymmword", 32}}};

struct RegisterPart {
  int number = 0;
  int width = 0;
};

std::optional<RegisterPart> FindRegister(std::string_view name) {
  for (const auto& [width, names] : kRegisterNames) {
    for (int number = 0; number < kRegisterCount; ++number) {
      if (names[static_cast<size_t>(number)] == name) return RegisterPart{number, width};
    }
  }
  for (size_t number = 0; number < kHighBytes.size(); ++number) {
    if (kHighBytes[number] == name) return RegisterPart{static_cast<int>(number), 1};
  }
  return std::nullopt;
}

// Decimal or 0x-prefixed, with or without a sign.
std::optional<int64_t> ParseNumber(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return static_cast<int64_t>(negative ? 0 - value : value);
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// What stands between the brackets: "rsp + 0x238", "rax + rcx*8 - 1", "rip + 0x2f1660".
void ParseAddress(std::string_view text, Operand* operand) {
  operand->register_number = -1;
  bool negative = false;
  while (!text.empty()) {
    const size_t end = text.find_first_of("+-", 1);
    std::string_view term = text.substr(0, end);
    const bool next_negative = end != std::string_view::npos && text[end] == '-';
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    term = Trimmed(term);
    const std::optional<int64_t> number = ParseNumber(term);
    const std::optional<RegisterPart> part = FindRegister(term);
    if (number) {
      operand->number = negative ? -*number : *number;
    } else if (part && part->width == 8 && operand->register_number < 0) {
      operand->register_number = part->number;
    } else {
      operand->scaled = true;  // an index, or rip: nothing to follow
    }
    negative = next_negative;
  }
}

Operand ParseOperand(std::string_view text) {
  Operand operand;
  text = Trimmed(text);
  if (const size_t bracket = text.find('['); bracket != std::string_view::npos) {
    if (text.find(':') != std::string_view::npos) return operand;
    for (const auto& [name, width] : kMemoryWidths) {
      if (text.starts_with(name)) operand.width = width;
    }
    operand.kind = Operand::Kind::kMemory;
    ParseAddress(text.substr(bracket + 1, text.find(']') - bracket - 1), &operand);
  } else if (const std::optional<RegisterPart> part = FindRegister(text)) {
    operand.kind = Operand::Kind::kRegister;
    operand.register_number = part->number;
    operand.width = part->width;
  } else if (const std::optional<int64_t> number = ParseNumber(text)) {
    operand.kind = Operand::Kind::kImmediate;
    operand.number = *number;
  }
  return operand;
}

}  // namespace

std::optional<int> GeneralRegister(std::string_view name) {
  const std::optional<RegisterPart> part = FindRegister(name);
  return part ? std::optional<int>(part->number) : std::nullopt;
}

ParsedText ParseText(std::string_view text) {
  ParsedText parsed;
  for (;;) {
    const size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
    if (word.starts_with("rep")) parsed.repeated = true;
    if (word == "lock" || word.starts_with("rep")) continue;
    parsed.mnemonic = word;
    break;
  }
  while (!text.empty()) {
    const size_t comma = text.find(',');
    parsed.operands.push_back(ParseOperand(text.substr(0, comma)));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return parsed;
}

}  // namespace uprobed::profile
