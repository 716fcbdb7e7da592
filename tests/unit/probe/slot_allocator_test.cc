#include "server/probe/slot_allocator.h"

#include <gtest/gtest.h>

namespace uprobed::probe {
namespace {

TEST(SlotAllocator, RefusesWhenAllAreTaken) {
  SlotAllocator slots(2);

  EXPECT_EQ(slots.Take(), 0U);
  EXPECT_EQ(slots.Take(), 1U);
  EXPECT_EQ(slots.Take(), std::nullopt);
}

TEST(SlotAllocator, ReusesAFreedSlotAsLateAsPossible) {
  SlotAllocator slots(3);
  ASSERT_EQ(slots.Take(), 0U);
  slots.Free(0);

  EXPECT_EQ(slots.Take(), 1U);
  EXPECT_EQ(slots.Take(), 2U);
  EXPECT_EQ(slots.Take(), 0U);
}

}  // namespace
}  // namespace uprobed::probe
