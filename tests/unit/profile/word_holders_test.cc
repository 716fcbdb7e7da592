#include "server/profile/word_holders.h"

#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::profile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

elf::Instruction MakeInstruction(std::vector<uint8_t> bytes, std::vector<std::string> written) {
  elf::Instruction instruction;
  instruction.bytes = std::move(bytes);
  instruction.written = std::move(written);
  return instruction;
}

elf::Instruction Arm64(uint32_t word, std::vector<std::string> written = {}) {
  return MakeInstruction({static_cast<uint8_t>(word), static_cast<uint8_t>(word >> 8),
                          static_cast<uint8_t>(word >> 16), static_cast<uint8_t>(word >> 24)},
                         std::move(written));
}

constexpr uint32_t kStoreX1At120 = 0xf9003fe1;         // str x1, [sp, #120]
constexpr uint32_t kStoreZeroAt120 = 0xf9003fff;       // str xzr, [sp, #120]
constexpr uint32_t kStoreX1BehindX0 = 0xf9003c01;      // str x1, [x0, #120]
constexpr uint32_t kLoadX5From120 = 0xf9403fe5;        // ldr x5, [sp, #120]
constexpr uint32_t kStoreX2X1At112 = 0xa90707e2;       // stp x2, x1, [sp, #112]
constexpr uint32_t kStoreX1X2BelowStack = 0xa93f0be1;  // stp x1, x2, [sp, #-16]
constexpr uint32_t kLoadX5X6From112 = 0xa9471be5;      // ldp x5, x6, [sp, #112]

WordHolders X1() { return {elf::Architecture::kArm64, {1}, {}}; }

TEST(WordHolders, FollowAWordOfArm64ToTheStackAndBack) {
  WordHolders word = X1();
  word.Pass(Arm64(kStoreX1At120));
  word.Pass(Arm64(0, {"x1"}));
  EXPECT_THAT(word.registers(), IsEmpty());
  EXPECT_THAT(word.offsets(), ElementsAre(120));
  word.Pass(Arm64(kLoadX5From120, {"x5"}));
  EXPECT_THAT(word.registers(), ElementsAre(5));
  word.Pass(Arm64(kStoreZeroAt120));
  EXPECT_THAT(word.offsets(), IsEmpty());
}

TEST(WordHolders, FollowAWordOfArm64InAPair) {
  WordHolders word = X1();
  word.Pass(Arm64(kStoreX2X1At112));
  EXPECT_THAT(word.offsets(), ElementsAre(120));
  word.Pass(Arm64(kLoadX5X6From112, {"x5", "x6"}));
  EXPECT_THAT(word.registers(), ElementsAre(1, 6));
  word.Pass(Arm64(kStoreX1X2BelowStack));
  EXPECT_THAT(word.offsets(), ElementsAre(-16, 120));
}

TEST(WordHolders, TakeNoOtherMemoryForTheStack) {
  WordHolders word = X1();
  word.Pass(Arm64(kStoreX1BehindX0));
  EXPECT_THAT(word.offsets(), IsEmpty());
  word.Pass(MakeInstruction({0xe1, 0x3f}, {}));
  EXPECT_THAT(word.offsets(), IsEmpty());
}

TEST(WordHolders, FollowAWordOfAmd64ToTheStackAndBack) {
  WordHolders word(elf::Architecture::kAmd64, {3}, {});
  word.Pass(MakeInstruction({0x48, 0x89, 0x9c, 0x24, 0x80, 0, 0, 0}, {}));  // mov [rsp + 128], rbx
  EXPECT_THAT(word.offsets(), ElementsAre(128));
  word.Pass(MakeInstruction({0x4c, 0x8b, 0x8c, 0x24, 0x80, 0, 0, 0}, {"r9"}));
  EXPECT_THAT(word.registers(), ElementsAre(3, 9));
  word.PassCall();
  EXPECT_THAT(word.registers(), IsEmpty());
  EXPECT_THAT(word.offsets(), ElementsAre(128));
}

TEST(WordHolders, NameRegisters) {
  EXPECT_EQ(RegisterName(elf::Architecture::kAmd64, 11), "r11");
  EXPECT_EQ(RegisterFromName(elf::Architecture::kAmd64, "r11"), 11);
  EXPECT_EQ(RegisterFromName(elf::Architecture::kArm64, "x30"), 30);
  EXPECT_EQ(RegisterFromName(elf::Architecture::kArm64, "x31"), std::nullopt);
  EXPECT_EQ(RegisterFromName(elf::Architecture::kArm64, "rax"), std::nullopt);
}

}  // namespace
}  // namespace uprobed::profile
