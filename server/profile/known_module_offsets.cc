#include "server/profile/known_module_offsets.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace uprobed::profile {
namespace {

using ModuleMinorAndPatch = std::pair<int, int>;

struct KnownModuleReleases {
  std::string_view module;
  int major;
  int minor;
  int first_patch;
  int last_patch;
};

struct KnownModuleRange {
  std::string_view module;
  std::string_view field;
  ModuleMinorAndPatch first;
  ModuleMinorAndPatch last;
  uint32_t offset;
};

struct KnownCommit {
  std::string_view module;
  std::string_view version;
  std::string_view field;
  uint32_t offset;
};

constexpr KnownModuleReleases kModuleReleases[] = {
#define KNOWN_MODULE_RELEASES(module, major, minor, first_patch, last_patch) \
  {module, major, minor, first_patch, last_patch},
#define KNOWN_MODULE_OFFSET(module, field, first_minor, first_patch, last_minor, last_patch, offset)
#define KNOWN_COMMIT_OFFSET(module, version, field, offset)
#include "server/profile/known_module_offsets.inc"
#undef KNOWN_MODULE_RELEASES
#undef KNOWN_MODULE_OFFSET
};

constexpr KnownModuleRange kModuleRanges[] = {
#define KNOWN_MODULE_RELEASES(module, major, minor, first_patch, last_patch)
#define KNOWN_MODULE_OFFSET(module, field, first_minor, first_patch, last_minor, last_patch, \
                            offset)                                                          \
  {module, field, {first_minor, first_patch}, {last_minor, last_patch}, offset},
#include "server/profile/known_module_offsets.inc"
#undef KNOWN_MODULE_OFFSET
#undef KNOWN_COMMIT_OFFSET
};

constexpr KnownCommit kCommits[] = {
#define KNOWN_MODULE_OFFSET(module, field, first_minor, first_patch, last_minor, last_patch, offset)
#define KNOWN_COMMIT_OFFSET(module, version, field, offset) {module, version, field, offset},
#include "server/profile/known_module_offsets.inc"
#undef KNOWN_MODULE_RELEASES
#undef KNOWN_MODULE_OFFSET
#undef KNOWN_COMMIT_OFFSET
};

// The three numbers of "v1.42.0"; nullopt with anything more, as previews and commits have.
std::optional<std::array<int, 3>> ParseModuleVersion(std::string_view text) {
  std::array<int, 3> numbers{};
  char before = 'v';
  for (int& number : numbers) {
    if (text.empty() || text.front() != before) return std::nullopt;
    text.remove_prefix(1);
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    before = '.';
  }
  return text.empty() ? std::optional(numbers) : std::nullopt;
}

bool ModuleTableCovers(std::string_view module, const std::array<int, 3>& version) {
  return std::any_of(std::begin(kModuleReleases), std::end(kModuleReleases),
                     [&](const KnownModuleReleases& known) {
                       return known.module == module && known.major == version[0] &&
                              known.minor == version[1] && known.first_patch <= version[2] &&
                              version[2] <= known.last_patch;
                     });
}

// The time of a commit, as its version has it: "20230410155749" of
// "v0.0.0-20230410155749-daa745c078e1"; empty of any other version.
std::string_view CommitTime(std::string_view version) {
  constexpr std::string_view kPrefix = "v0.0.0-";
  constexpr size_t kDigits = 14;
  if (!version.starts_with(kPrefix)) return {};
  version.remove_prefix(kPrefix.size());
  const std::string_view time = version.substr(0, kDigits);
  const bool digits =
      std::all_of(time.begin(), time.end(), [](char c) { return c >= '0' && c <= '9'; });
  return time.size() == kDigits && digits && version.substr(kDigits, 1) == "-" ? time
                                                                               : std::string_view();
}

// A commit between two that were measured, where all that were say the same.
std::optional<uint32_t> BetweenCommits(std::string_view module, std::string_view version,
                                       std::string_view field) {
  const std::string_view time = CommitTime(version);
  std::optional<uint32_t> offset;
  bool earlier = false;
  bool later = false;
  for (const KnownCommit& commit : kCommits) {
    if (commit.module != module || commit.field != field) continue;
    if (offset && *offset != commit.offset) return std::nullopt;
    offset = commit.offset;
    earlier = earlier || CommitTime(commit.version) <= time;
    later = later || CommitTime(commit.version) >= time;
  }
  return earlier && later && !time.empty() ? offset : std::nullopt;
}

}  // namespace

std::optional<uint32_t> KnownModuleOffset(std::string_view module, std::string_view version,
                                          std::string_view field) {
  for (const KnownCommit& commit : kCommits) {
    if (commit.module == module && commit.version == version && commit.field == field) {
      return commit.offset;
    }
  }
  if (const auto between = BetweenCommits(module, version, field)) return between;
  const std::optional<std::array<int, 3>> numbers = ParseModuleVersion(version);
  if (!numbers || !ModuleTableCovers(module, *numbers)) return std::nullopt;
  const ModuleMinorAndPatch release{(*numbers)[1], (*numbers)[2]};
  for (const KnownModuleRange& range : kModuleRanges) {
    if (range.module == module && range.field == field && range.first <= release &&
        release <= range.last) {
      return range.offset;
    }
  }
  return std::nullopt;
}

std::vector<std::string_view> KnownModuleFields(std::string_view module) {
  std::vector<std::string_view> fields;
  const auto add = [&](std::string_view of_module, std::string_view field) {
    const bool known = std::find(fields.begin(), fields.end(), field) != fields.end();
    if (of_module == module && !known) fields.push_back(field);
  };
  for (const KnownModuleRange& range : kModuleRanges) add(range.module, range.field);
  for (const KnownCommit& commit : kCommits) add(commit.module, commit.field);
  return fields;
}

}  // namespace uprobed::profile
