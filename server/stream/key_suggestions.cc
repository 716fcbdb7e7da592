#include "server/stream/key_suggestions.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "fmt/format.h"
#include "server/span/attributes.h"

namespace uprobed::stream {
namespace {

using Keys = std::vector<std::string_view>;

Keys WithAttributeKeys(Keys keys) {
  for (const span::AttributeInfo& attribute : span::KnownAttributes())
    keys.push_back(attribute.key);
  return keys;
}

// Levenshtein's: insertions, deletions and replacements that lead from `a` to `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> previous(b.size() + 1);
  std::iota(previous.begin(), previous.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    std::vector<size_t> current = {i + 1};
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = previous[j] + (a[i] == b[j] ? 0 : 1);
      current.push_back(std::min({replaced, previous[j + 1] + 1, current[j] + 1}));
    }
    previous = std::move(current);
  }
  return previous.back();
}

std::string_view LastSegment(std::string_view key) {
  const size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

bool IsClose(std::string_view unknown_key, std::string_view key) {
  constexpr size_t kLongestKey = 64;  // bounds the work that a request can cause
  if (unknown_key.size() > kLongestKey) return false;
  const size_t tolerance = 1 + unknown_key.size() / 5;
  return key.find(unknown_key) != std::string_view::npos ||
         LastSegment(key) == LastSegment(unknown_key) ||
         EditDistance(unknown_key, key) <= tolerance;
}

std::string Suggest(std::string_view unknown_key, const Keys& keys) {
  Keys close;
  std::copy_if(keys.begin(), keys.end(), std::back_inserter(close),
               [&](std::string_view key) { return IsClose(unknown_key, key); });
  if (close.empty()) return fmt::format("the keys are {}", fmt::join(keys, ", "));
  return fmt::format("did you mean {}?", fmt::join(close, " or "));
}

}  // namespace

std::string SuggestFilterKeys(std::string_view unknown_key) {
  return Suggest(unknown_key,
                 WithAttributeKeys({"kind", "name", "duration", "error", "trace_id", "probe"}));
}

std::string SuggestAttributeKeys(std::string_view unknown_key) {
  return Suggest(unknown_key, WithAttributeKeys({}));
}

}  // namespace uprobed::stream
