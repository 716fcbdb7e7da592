#include "server/profile/operands.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::profile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Operand Register(int number, int width) {
  return {.kind = Operand::Kind::kRegister, .width = width, .register_number = number};
}
Operand Memory(int base, int64_t displacement, int width, bool scaled = false) {
  return {.kind = Operand::Kind::kMemory,
          .width = width,
          .register_number = base,
          .scaled = scaled,
          .number = displacement};
}
Operand Immediate(int64_t number) { return {.kind = Operand::Kind::kImmediate, .number = number}; }

TEST(ParseText, TakesRegistersOfEveryWidth) {
  EXPECT_THAT(ParseText("mov rax, r15").operands, ElementsAre(Register(0, 8), Register(15, 8)));
  EXPECT_THAT(ParseText("mov eax, r8d").operands, ElementsAre(Register(0, 4), Register(8, 4)));
  EXPECT_THAT(ParseText("mov sil, ah").operands, ElementsAre(Register(6, 1), Register(0, 1)));
  EXPECT_EQ(ParseText("movups xmm0, xmm1").operands[0].kind, Operand::Kind::kOther);
}

TEST(ParseText, TakesMemory) {
  EXPECT_THAT(ParseText("cmp rsp, qword ptr [r14 + 0x10]").operands,
              ElementsAre(Register(kRsp, 8), Memory(14, 16, 8)));
  EXPECT_THAT(ParseText("lea r12, [rsp - 0x1b0]").operands,
              ElementsAre(Register(12, 8), Memory(kRsp, -0x1b0, 0)));
  EXPECT_THAT(ParseText("mov byte ptr [rdi], 1").operands,
              ElementsAre(Memory(7, 0, 1), Immediate(1)));
}

TEST(ParseText, FollowsNoIndexAndNoInstructionPointer) {
  EXPECT_THAT(ParseText("mov rax, qword ptr [rcx + rdx*8 - 8]").operands,
              ElementsAre(Register(0, 8), Memory(1, -8, 8, true)));
  EXPECT_THAT(ParseText("mov rax, qword ptr [rip + 0x20]").operands,
              ElementsAre(Register(0, 8), Memory(-1, 32, 8, true)));
  EXPECT_EQ(ParseText("mov rax, qword ptr fs:[0xfffffffffffffff8]").operands[1].kind,
            Operand::Kind::kOther);
}

TEST(ParseText, TakesImmediatesOfBothSigns) {
  EXPECT_THAT(ParseText("cmp rsi, -1").operands, ElementsAre(Register(6, 8), Immediate(-1)));
  EXPECT_THAT(ParseText("add rdi, -0x80").operands, ElementsAre(Register(7, 8), Immediate(-128)));
}

TEST(ParseText, SetsPrefixesAside) {
  EXPECT_EQ(ParseText("lock cmpxchg dword ptr [rdi + 0x30], edx").mnemonic, "cmpxchg");
  EXPECT_TRUE(ParseText("rep stosq qword ptr [rdi], rax").repeated);
  EXPECT_EQ(ParseText("ret").mnemonic, "ret");
  EXPECT_THAT(ParseText("").operands, IsEmpty());
}

}  // namespace
}  // namespace uprobed::profile
