#include "server/span/time_index.h"

#include <iterator>
#include <map>
#include <memory_resource>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

constexpr auto kAny = [](const std::string&) { return true; };

TEST(TimeIndex, FindsTheFirstFromATimeToAnother) {
  TimeIndex<std::string> index(std::pmr::get_default_resource());
  index.Add(1, 200, 1, "later");
  index.Add(1, 100, 2, "first");
  index.Add(2, 150, 3, "of another hash");
  ASSERT_NE(index.Find(1, 0, 300, kAny), nullptr);
  EXPECT_EQ(*index.Find(1, 0, 300, kAny), "first");
  EXPECT_EQ(*index.Find(1, 100, 100, kAny), "first") << "both ends belong to it";
  EXPECT_EQ(*index.Find(1, 101, 200, kAny), "later");
  EXPECT_EQ(index.Find(1, 101, 199, kAny), nullptr);
  EXPECT_EQ(index.Find(1, 201, 300, kAny), nullptr);
  EXPECT_EQ(index.Find(3, 0, 300, kAny), nullptr);
}

TEST(TimeIndex, OfOneTimeFindsTheLowerSequence) {
  TimeIndex<std::string> index(std::pmr::get_default_resource());
  index.Add(1, 100, 8, "second");
  index.Add(1, 100, 7, "first");
  EXPECT_EQ(*index.Find(1, 100, 100, kAny), "first");
  index.Remove(1, 100, 7);
  EXPECT_EQ(*index.Find(1, 100, 100, kAny), "second");
}

TEST(TimeIndex, PassesOverWhatIsNotAccepted) {
  TimeIndex<std::string> index(std::pmr::get_default_resource());
  index.Add(1, 100, 1, "no");
  index.Add(1, 200, 2, "yes");
  const auto wanted = [](const std::string& value) { return value == "yes"; };
  EXPECT_EQ(*index.Find(1, 0, 300, wanted), "yes");
  EXPECT_EQ(index.Find(1, 0, 199, wanted), nullptr);
}

TEST(TimeIndex, RemovesNothingButWhatIsNamed) {
  TimeIndex<std::string> index(std::pmr::get_default_resource());
  index.Add(1, 100, 1, "value");
  index.Remove(2, 100, 1);
  index.Remove(1, 101, 1);
  index.Remove(1, 100, 2);
  EXPECT_NE(index.Find(1, 100, 100, kAny), nullptr);
  index.Remove(1, 100, 1);
  EXPECT_EQ(index.Find(1, 100, 100, kAny), nullptr);
  index.Remove(1, 100, 1);
}

// Against a list that is searched through.
TEST(TimeIndex, FindsWhatASearchFinds) {
  constexpr int kSteps = 20'000;
  constexpr uint64_t kHashes = 3;
  constexpr int64_t kTimes = 50;
  std::mt19937 random(1);  // NOLINT: the same each time
  TimeIndex<uint64_t> index(std::pmr::get_default_resource());
  std::map<std::pair<int64_t, uint64_t>, uint64_t> entries;  // by time and sequence: the hash
  for (uint64_t step = 1; step <= kSteps; ++step) {
    const uint64_t hash = random() % kHashes;
    const auto time = static_cast<int64_t>(random() % kTimes);
    if (random() % 2 == 0) {
      index.Add(hash, time, step, step);
      entries[{time, step}] = hash;
    } else if (!entries.empty()) {
      const auto gone = std::next(entries.begin(), static_cast<long>(random() % entries.size()));
      index.Remove(gone->second, gone->first.first, gone->first.second);
      entries.erase(gone);
    }
    const int64_t until = time + static_cast<int64_t>(random() % kTimes);
    const auto is_even = [](uint64_t value) { return value % 2 == 0; };
    std::optional<uint64_t> expected;
    for (const auto& [key, of] : entries) {
      if (of == hash && key.first >= time && key.first <= until && is_even(key.second)) {
        expected = key.second;
        break;
      }
    }
    const uint64_t* found = index.Find(hash, time, until, is_even);
    ASSERT_EQ(found != nullptr, expected.has_value());
    if (found != nullptr) {
      ASSERT_EQ(*found, *expected);
    }
  }
}

}  // namespace
}  // namespace uprobed::span
