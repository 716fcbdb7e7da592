#include "server/span/recycling_memory.h"

#include <cstdint>
#include <cstring>

#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

TEST(RecyclingMemory, GivesWhatWasFreedToTheNextOfItsSize) {
  RecyclingMemory memory;
  void* const first = memory.allocate(40);
  void* const second = memory.allocate(40);
  EXPECT_NE(first, second);
  memory.deallocate(first, 40);
  memory.deallocate(second, 40);

  EXPECT_NE(memory.allocate(80), second);
  EXPECT_EQ(memory.allocate(48), second);
  EXPECT_EQ(memory.allocate(33), first);
}

TEST(RecyclingMemory, AlignsAndTakesAnySize) {
  RecyclingMemory memory;
  for (const size_t bytes : {1U, 16U, 17U, 512U, 513U, 100'000U}) {
    for (const size_t alignment : {1U, 16U, 64U}) {
      void* const taken = memory.allocate(bytes, alignment);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(taken) % alignment, 0U);
      std::memset(taken, 1, bytes);
      memory.deallocate(taken, bytes, alignment);
    }
  }
}

}  // namespace
}  // namespace uprobed::span
