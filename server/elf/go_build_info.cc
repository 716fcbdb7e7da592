#include "server/elf/go_build_info.h"

#include <elf.h>
#include <fmt/format.h>

#include <cctype>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "server/base/errors.h"
#include "server/elf/byte_reader.h"
#include "server/elf/relocation.h"

namespace uprobed::elf {
namespace {

// debug/buildinfo/buildinfo.go: 14 bytes of magic, the pointer size, flags, padding to 32 bytes.
constexpr std::string_view kMagic("\xff Go buildinf:", 14);
constexpr uint64_t kFlagsField = 15;
constexpr uint8_t kFlagBigEndian = 1;
constexpr uint8_t kFlagInlineStrings = 2;
constexpr uint64_t kVersionPointerField = 16;
constexpr uint64_t kModulePointerField = 24;
constexpr uint64_t kInlineStrings = 32;
constexpr uint64_t kBuildInfoAlignment = 16;

// A version is kept, and shown: it must not be as long as the file.
constexpr size_t kMaxVersionSize = 256;

// The go command puts this many bytes before and behind the module text, so that it can be found
// in the binary (cmd/go/internal/modload/build.go, infoStart and infoEnd).
constexpr size_t kSentinelSize = 16;

absl::Status NotGo(const ElfFile& file) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "BINARY_NOT_GO",
                   file.name() +
                       " has no Go build information (.go.buildinfo); give a program that was "
                       "built by Go (not gccgo or TinyGo) and not obfuscated",
                   {{"path", file.name()}});
}

absl::Status Malformed(const ElfFile& file, std::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "BUILD_INFO_MALFORMED",
                   fmt::format("the Go build information of {} can't be read: {}; build or copy "
                               "the program again",
                               file.name(), what),
                   {{"path", file.name()}});
}

// Reads an unsigned LEB128 number (encoding/binary.Uvarint) and moves `offset` behind it.
std::optional<uint64_t> ReadVarint(std::span<const std::byte> data, uint64_t& offset) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto byte = ValueAt<uint8_t>(data, offset);
    if (!byte) return std::nullopt;
    ++offset;
    value |= uint64_t{*byte & 0x7fU} << shift;
    if ((*byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

std::optional<std::string_view> ReadInlineString(std::span<const std::byte> data,
                                                 uint64_t& offset) {
  const auto size = ReadVarint(data, offset);
  if (!size) return std::nullopt;
  const auto text = BytesAt(data, offset, *size);
  if (!text) return std::nullopt;
  offset += *size;
  return AsText(*text);
}

// The string whose Go header (pointer, length) is where the pointer at `address` points.
std::optional<std::string_view> ReadPointedString(const ElfFile& file, uint64_t address) {
  const auto header = ReadPointer(file, address);
  if (!header || *header == 0) return std::nullopt;
  const auto data = ReadPointer(file, *header);
  const auto size_word = file.ReadAddress(*header + sizeof(uint64_t), sizeof(uint64_t));
  if (!data || !size_word) return std::nullopt;
  const auto size = ValueAt<uint64_t>(*size_word, 0);
  if (*size == 0) return std::string_view();
  const auto text = file.ReadAddress(*data, *size);
  if (!text) return std::nullopt;
  return AsText(*text);
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Undoes strconv.Quote for what runtime/debug.BuildInfo.String quotes: keys and values with blanks,
// quotes or an equals sign. Escapes other than the quote and the backslash stay as they are.
std::string Unquote(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  text = text.substr(1, text.size() - 2);
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
    if (escape) ++i;
    result += text[i];
  }
  return result;
}

// Splits "key=value", where the key may be quoted and then hold an equals sign.
std::optional<std::pair<std::string, std::string>> ParseSetting(std::string_view text) {
  size_t key_end = 0;
  if (text.starts_with('"')) {
    key_end = 1;
    while (key_end < text.size() && text[key_end] != '"') key_end += text[key_end] == '\\' ? 2 : 1;
  }
  const size_t equals = text.find('=', key_end);
  if (equals == std::string_view::npos) return std::nullopt;
  return std::pair(Unquote(text.substr(0, equals)), Unquote(text.substr(equals + 1)));
}

void ParseModules(std::string_view text, GoBuildInfo& info) {
  std::string replaceable;  // the module that a following "=>" line replaces
  for (const std::string_view line : Split(text, '\n')) {
    const std::vector<std::string_view> fields = Split(line, '\t');
    if (fields.size() < 2) continue;
    const std::string_view version = fields.size() > 2 ? fields[2] : std::string_view();
    if (fields[0] == "path") {
      info.main_package = fields[1];
    } else if (fields[0] == "mod") {
      info.main_module = fields[1];
      replaceable.clear();
    } else if (fields[0] == "dep") {
      replaceable = fields[1];
      info.modules[replaceable] = version;
    } else if (fields[0] == "=>" && !replaceable.empty()) {
      info.modules[replaceable] = fields[1] == replaceable
                                      ? std::string(version)
                                      : fmt::format("{}@{}", fields[1], version);
    } else if (fields[0] == "build") {
      if (auto setting = ParseSetting(line.substr(fields[0].size() + 1))) {
        info.settings.insert_or_assign(std::move(setting->first), std::move(setting->second));
      }
    }
  }
}

struct Place {
  uint64_t address = 0;
  std::span<const std::byte> data;
};

// As debug/buildinfo does: the section, or else the first place of the variables that begins so.
std::optional<Place> Locate(const ElfFile& file) {
  if (const Section* section = file.FindSection(".go.buildinfo")) {
    if (!AsText(section->data).starts_with(kMagic)) return std::nullopt;
    return Place{.address = section->address, .data = section->data};
  }
  uint64_t budget = file.size();  // segments that overlap are longer than the file
  for (const Segment& segment : file.segments()) {
    if ((segment.flags & PF_W) == 0) continue;
    const std::string_view text = AsText(segment.data).substr(0, budget);
    budget -= text.size();
    for (size_t at = text.find(kMagic); at != std::string_view::npos;
         at = text.find(kMagic, at + 1)) {
      if ((segment.address + at) % kBuildInfoAlignment != 0) continue;
      return Place{.address = segment.address + at, .data = segment.data.subspan(at)};
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<GoBuildInfo> ReadGoBuildInfo(const ElfFile& file) {
  const auto place = Locate(file);
  if (!place) return NotGo(file);
  const auto flags = ValueAt<uint8_t>(place->data, kFlagsField);
  if (!flags) return Malformed(file, "it ends in its header");

  std::optional<std::string_view> version;
  std::optional<std::string_view> modules;
  if ((*flags & kFlagInlineStrings) != 0) {
    uint64_t offset = kInlineStrings;
    version = ReadInlineString(place->data, offset);
    modules = ReadInlineString(place->data, offset);
  } else if ((*flags & kFlagBigEndian) == 0) {
    version = ReadPointedString(file, place->address + kVersionPointerField);
    modules = ReadPointedString(file, place->address + kModulePointerField);
  } else {
    return Malformed(file, "it is big-endian");
  }
  if (!version || version->empty()) return Malformed(file, "it has no Go version");
  if (version->size() > kMaxVersionSize) return Malformed(file, "its Go version is too long");
  if (!modules) return Malformed(file, "its module text is cut short");

  GoBuildInfo info;
  info.go_version = *version;
  // A program built without modules has no text at all, and then no sentinels either.
  if (modules->size() >= 2 * kSentinelSize) {
    modules->remove_prefix(kSentinelSize);
    modules->remove_suffix(kSentinelSize);
    ParseModules(*modules, info);
  }
  return info;
}

}  // namespace uprobed::elf
