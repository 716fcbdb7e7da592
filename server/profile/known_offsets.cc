#include "server/profile/known_offsets.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace uprobed::profile {
namespace {

// Numbers of a release of Go 1, in the order of release.
using MinorAndPatch = std::pair<int, int>;

struct KnownReleases {
  int minor;
  int first_patch;
  int last_patch;
};

struct KnownRange {
  std::string_view field;
  MinorAndPatch first;
  MinorAndPatch last;
  uint32_t offset;
};

constexpr KnownReleases kReleases[] = {
#define KNOWN_RELEASES(minor, first_patch, last_patch) {minor, first_patch, last_patch},
#define KNOWN_OFFSET(field, first_minor, first_patch, last_minor, last_patch, offset)
#include "server/profile/known_offsets.inc"
#undef KNOWN_RELEASES
#undef KNOWN_OFFSET
};

constexpr KnownRange kRanges[] = {
#define KNOWN_RELEASES(minor, first_patch, last_patch)
#define KNOWN_OFFSET(field, first_minor, first_patch, last_minor, last_patch, offset) \
  {field, {first_minor, first_patch}, {last_minor, last_patch}, offset},
#include "server/profile/known_offsets.inc"
#undef KNOWN_RELEASES
#undef KNOWN_OFFSET
};

}  // namespace

bool TableCovers(const GoVersion& version) {
  if (!version.released || version.major != 1) return false;
  return std::any_of(std::begin(kReleases), std::end(kReleases), [&](const KnownReleases& known) {
    return known.minor == version.minor && known.first_patch <= version.patch &&
           version.patch <= known.last_patch;
  });
}

std::optional<uint32_t> KnownOffset(const GoVersion& version, std::string_view field) {
  if (!TableCovers(version)) return std::nullopt;
  const MinorAndPatch release{version.minor, version.patch};
  for (const KnownRange& range : kRanges) {
    if (range.field == field && range.first <= release && release <= range.last) {
      return range.offset;
    }
  }
  return std::nullopt;
}

std::string CoveredVersions() {
  std::string text;
  for (const KnownReleases& known : kReleases) {
    text += fmt::format("{}go1.{}.{} to go1.{}.{}", text.empty() ? "" : ", ", known.minor,
                        known.first_patch, known.minor, known.last_patch);
  }
  return text;
}

std::vector<std::string_view> KnownFields() {
  std::vector<std::string_view> fields;
  for (const KnownRange& range : kRanges) {
    if (fields.empty() || fields.back() != range.field) fields.push_back(range.field);
  }
  return fields;
}

}  // namespace uprobed::profile
