#include "server/span/recent_functions.h"

#include <cstring>
#include <string>

#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

SpanId NumberedId(uint64_t number) {
  SpanId id{};
  std::memcpy(id.data(), &number, id.size());
  return id;
}

TEST(RecentFunctions, KnowsWhatItWasTold) {
  RecentFunctions recent(16);
  EXPECT_EQ(recent.Find(NumberedId(1)), nullptr);
  recent.Remember(NumberedId(1), {.name = "/a", .derived = true});
  recent.Remember(NumberedId(2), {.name = "/b"});

  ASSERT_NE(recent.Find(NumberedId(1)), nullptr);
  EXPECT_EQ(recent.Find(NumberedId(1))->name, "/a");
  EXPECT_TRUE(recent.Find(NumberedId(1))->derived);
  EXPECT_EQ(recent.Find(NumberedId(2))->name, "/b");
  EXPECT_EQ(recent.Find(NumberedId(3)), nullptr);
  EXPECT_EQ(recent.Find(SpanId{}), nullptr);
}

TEST(RecentFunctions, TheLastOfOneSpanHolds) {
  RecentFunctions recent(1);
  recent.Remember(NumberedId(1), {.name = "/kept"});
  for (int i = 0; i < 1000; ++i) recent.Remember(NumberedId(2), {.name = std::to_string(i)});
  EXPECT_EQ(recent.Find(NumberedId(2))->name, "999");
  EXPECT_EQ(recent.Find(NumberedId(1))->name, "/kept");
}

TEST(RecentFunctions, ForgetsTheOldestAndHardlyAnyOfTheCapacity) {
  constexpr uint64_t kCapacity = 10'000;
  constexpr uint64_t kServed = 10 * kCapacity;
  RecentFunctions recent(kCapacity);
  for (uint64_t i = 1; i <= kServed; ++i) recent.Remember(NumberedId(i), {.name = "/a"});

  uint64_t forgotten = 0;
  for (uint64_t i = kServed - kCapacity + 1; i <= kServed; ++i) {
    if (recent.Find(NumberedId(i)) == nullptr) ++forgotten;
  }
  EXPECT_LT(forgotten, kCapacity / 100);
  EXPECT_NE(recent.Find(NumberedId(kServed)), nullptr);
  uint64_t known = 0;
  for (uint64_t i = 1; i <= kServed; ++i) {
    if (recent.Find(NumberedId(i)) != nullptr) ++known;
  }
  EXPECT_GT(known, kCapacity);
  EXPECT_LT(known, 3 * kCapacity);
}

}  // namespace
}  // namespace uprobed::span
