#include "server/elf/go_version_string.h"

#include <elf.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "server/base/errors.h"
#include "server/elf/byte_reader.h"
#include "server/elf/relocation.h"

namespace uprobed::elf {
namespace {

constexpr std::string_view kSymbolName = "runtime.buildVersion";
constexpr std::string_view kPrefix = "go1.";
// "go1.4", and a development version with its date and experiments.
constexpr uint64_t kMinSize = 5;
constexpr uint64_t kMaxSize = 256;
// A program may have a few such strings; the reader of a list of thousands learns nothing.
constexpr size_t kMaxVersions = 8;

absl::Status Unknown(const ElfFile& file, std::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "GO_VERSION_UNKNOWN",
                   fmt::format("{} does not say which Go built it: its build information "
                               "(.go.buildinfo) was removed, and {}; build it again without tools "
                               "that rewrite it",
                               file.name(), what),
                   {{"path", file.name()}});
}

bool IsPrintable(std::string_view text) {
  for (const char c : text) {
    if (c < ' ' || c > '~') return false;
  }
  return true;
}

// The Go string of `size` bytes at `address`, if it is a version of Go that `releases` allow.
std::optional<std::string_view> VersionAt(const ElfFile& file, uint64_t address, uint64_t size,
                                          Pclntab::Releases releases) {
  if (size < kMinSize || size > kMaxSize) return std::nullopt;
  const auto bytes = file.ReadAddress(address, size);
  if (!bytes) return std::nullopt;
  const std::string_view text = AsText(*bytes);
  std::string_view rest = text;
  if (rest.starts_with("devel ")) rest.remove_prefix(6);
  if (!rest.starts_with(kPrefix)) return std::nullopt;
  rest.remove_prefix(kPrefix.size());
  int minor = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), minor);
  if (error != std::errc() || minor < releases.first || minor > releases.last) return std::nullopt;
  if (!IsPrintable(text)) return std::nullopt;
  return text;
}

// The Go string whose header (pointer, size) is at `address`.
std::optional<std::string_view> VersionOfVariable(const ElfFile& file, uint64_t address,
                                                  Pclntab::Releases releases) {
  const auto size = file.ReadAddress(address + sizeof(uint64_t), sizeof(uint64_t));
  if (!size) return std::nullopt;
  const uint64_t value = *ValueAt<uint64_t>(*size, 0);
  if (value < kMinSize || value > kMaxSize) return std::nullopt;  // before the dear part
  const auto data = ReadPointer(file, address);
  if (!data) return std::nullopt;
  return VersionAt(file, *data, value, releases);
}

std::optional<uint64_t> AddressOfSymbol(const ElfFile& file, std::string_view wanted) {
  const Section* symbols = file.FindSection(".symtab");
  const Section* names = file.FindSection(".strtab");
  if (symbols == nullptr || names == nullptr) return std::nullopt;
  uint64_t offset = 0;
  while (const auto symbol = ValueAt<Elf64_Sym>(symbols->data, offset)) {
    offset += sizeof(Elf64_Sym);
    if (ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT &&
        StringAt(names->data, symbol->st_name) == wanted) {
      return symbol->st_value;
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<GoVersionString> FindGoVersionString(const ElfFile& file, const Pclntab& functions) {
  const Pclntab::Releases releases = functions.releases();
  if (const auto address = AddressOfSymbol(file, kSymbolName)) {
    if (const auto text = VersionOfVariable(file, *address, releases)) {
      return GoVersionString{.text = std::string(*text), .source = GoVersionSource::kSymbol};
    }
  }
  std::set<std::string_view> versions;
  VisitPointers(file, [&](uint64_t address, uint64_t value) {
    const auto size = file.ReadAddress(address + sizeof(uint64_t), sizeof(uint64_t));
    if (!size) return false;
    if (const auto text = VersionAt(file, value, *ValueAt<uint64_t>(*size, 0), releases)) {
      versions.insert(*text);
    }
    return versions.size() == kMaxVersions;
  });
  if (versions.empty()) return Unknown(file, "no version of Go among its variables");
  if (versions.size() > 1) {
    return Unknown(file, fmt::format("its variables name several versions of Go ({})",
                                     fmt::join(versions, ", ")));
  }
  return GoVersionString{.text = std::string(*versions.begin()),
                         .source = GoVersionSource::kVariable};
}

}  // namespace uprobed::elf
