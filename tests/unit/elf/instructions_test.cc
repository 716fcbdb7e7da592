#include "server/elf/instructions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/errors.h"
#include "server/elf/go_functions.h"
#include "tests/support/targets.h"
#include "tests/unit/elf/elf_image.h"

namespace uprobed::elf {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using ::uprobed::testing::AvailableTargets;

using Code = std::vector<uint8_t>;

std::vector<Instruction> Decode(const Code& code) {
  ElfImage image;
  const uint64_t address =
      image.Add(".text", {reinterpret_cast<const char*>(code.data()), code.size()});
  const auto file = image.Open();
  EXPECT_TRUE(file.ok()) << file.status();
  const auto instructions = Disassemble(*file, address, code.size());
  EXPECT_TRUE(instructions.ok()) << instructions.status();
  return instructions.ok() ? *instructions : std::vector<Instruction>();
}

Instruction DecodeOne(const Code& code) {
  const std::vector<Instruction> instructions = Decode(code);
  EXPECT_THAT(instructions, SizeIs(1));
  return instructions.empty() ? Instruction() : instructions.front();
}

TEST(Disassemble, DecodesAGoPrologue) {
  const auto code = Decode({0x49, 0x3b, 0x66, 0x10,              // cmp 0x10(%r14), %rsp
                            0x0f, 0x86, 0x00, 0x01, 0x00, 0x00,  // jbe +0x100
                            0x55,                                // push %rbp
                            0x48, 0x89, 0xe5});                  // mov %rsp, %rbp
  ASSERT_THAT(code, SizeIs(4));
  EXPECT_EQ(code[0].flow, Flow::kNext);
  EXPECT_EQ(code[0].size, 4);
  EXPECT_EQ(code[0].text, "cmp rsp, qword ptr [r14 + 0x10]");
  EXPECT_EQ(code[1].flow, Flow::kConditional);
  EXPECT_EQ(code[1].address, code[0].address + 4);
  EXPECT_EQ(code[1].target, code[0].address + 10 + 0x100);
  EXPECT_THAT(code[1].bytes, ElementsAre(0x0f, 0x86, 0x00, 0x01, 0x00, 0x00));
  EXPECT_THAT(code[1].written, IsEmpty());
  EXPECT_EQ(code[2].text, "push rbp");
  EXPECT_THAT(code[2].written, ElementsAre("rsp"));
  EXPECT_THAT(code[3].written, ElementsAre("rbp"));
}

TEST(Disassemble, TellsTheFlow) {
  EXPECT_EQ(DecodeOne({0xe8, 0, 0, 0, 0}).flow, Flow::kCall);
  EXPECT_EQ(DecodeOne({0xff, 0xd0}).flow, Flow::kCall);  // call *%rax
  EXPECT_EQ(DecodeOne({0xeb, 0x10}).flow, Flow::kJump);
  EXPECT_EQ(DecodeOne({0xff, 0xe0}).flow, Flow::kJump);  // jmp *%rax
  EXPECT_EQ(DecodeOne({0x75, 0x10}).flow, Flow::kConditional);
  EXPECT_EQ(DecodeOne({0xe2, 0x10}).flow, Flow::kConditional);  // loop
  EXPECT_EQ(DecodeOne({0xe3, 0x10}).flow, Flow::kConditional);  // jrcxz
  EXPECT_EQ(DecodeOne({0xc3}).flow, Flow::kReturn);
  EXPECT_EQ(DecodeOne({0xc2, 0x08, 0x00}).flow, Flow::kReturn);
  EXPECT_EQ(DecodeOne({0xcc}).flow, Flow::kTrap);
  EXPECT_EQ(DecodeOne({0x0f, 0x0b}).flow, Flow::kTrap);
  EXPECT_EQ(DecodeOne({0xf4}).flow, Flow::kTrap);
  EXPECT_EQ(DecodeOne({0x90}).flow, Flow::kNext);
  EXPECT_EQ(DecodeOne({0x0f, 0x05}).flow, Flow::kNext);  // syscall
}

TEST(Disassemble, GivesTargetsOfDirectBranchesOnly) {
  const Instruction back = DecodeOne({0xeb, 0xfe});
  EXPECT_EQ(back.target, back.address);
  EXPECT_EQ(DecodeOne({0xff, 0xd0}).target, std::nullopt);
  EXPECT_EQ(DecodeOne({0xff, 0x25, 0, 0, 0, 0}).target, std::nullopt);  // jmp *0(%rip)
  EXPECT_EQ(DecodeOne({0x68, 0x10, 0, 0, 0}).target, std::nullopt);     // push $0x10
}

TEST(Disassemble, NamesWrittenRegistersByTheir64Bits) {
  EXPECT_THAT(DecodeOne({0xb8, 1, 0, 0, 0}).written, ElementsAre("rax"));        // mov $1, %eax
  EXPECT_THAT(DecodeOne({0x66, 0xb8, 1, 0}).written, ElementsAre("rax"));        // mov $1, %ax
  EXPECT_THAT(DecodeOne({0xb0, 1}).written, ElementsAre("rax"));                 // mov $1, %al
  EXPECT_THAT(DecodeOne({0xb4, 1}).written, ElementsAre("rax"));                 // mov $1, %ah
  EXPECT_THAT(DecodeOne({0x40, 0xb6, 1}).written, ElementsAre("rsi"));           // mov $1, %sil
  EXPECT_THAT(DecodeOne({0xbf, 1, 0, 0, 0}).written, ElementsAre("rdi"));        // mov $1, %edi
  EXPECT_THAT(DecodeOne({0x41, 0xb8, 1, 0, 0, 0}).written, ElementsAre("r8"));   // mov $1, %r8d
  EXPECT_THAT(DecodeOne({0x66, 0x41, 0xba, 1, 0}).written, ElementsAre("r10"));  // mov $1, %r10w
  EXPECT_THAT(DecodeOne({0x41, 0xb7, 1}).written, ElementsAre("r15"));           // mov $1, %r15b
  EXPECT_THAT(DecodeOne({0x49, 0x89, 0xc1}).written, ElementsAre("r9"));         // mov %rax, %r9
}

TEST(Disassemble, SeesImplicitWrites) {
  EXPECT_THAT(DecodeOne({0x48, 0xf7, 0xe3}).written,  // mul %rbx
              UnorderedElementsAre("rax", "rdx", "rflags"));
  EXPECT_THAT(DecodeOne({0x48, 0x99}).written, Contains("rdx"));  // cqo
  EXPECT_THAT(DecodeOne({0x0f, 0xa2}).written,                    // cpuid
              IsSupersetOf({"rax", "rbx", "rcx", "rdx"}));
  EXPECT_THAT(DecodeOne({0xf3, 0x48, 0xab}).written,  // rep stos
              IsSupersetOf({"rcx", "rdi"}));
  EXPECT_THAT(DecodeOne({0x48, 0x93}).written, UnorderedElementsAre("rax", "rbx"));  // xchg
  EXPECT_THAT(DecodeOne({0x48, 0x3d, 1, 0, 0, 0}).written, Not(Contains("rax")));    // cmp
}

TEST(Disassemble, KnowsWhatStoresToMemory) {
  EXPECT_TRUE(DecodeOne({0x48, 0x89, 0x44, 0x24, 0x18}).stores);         // mov %rax, 24(%rsp)
  EXPECT_TRUE(DecodeOne({0x0f, 0x11, 0x44, 0x24, 0x18}).stores);         // movups %xmm0, 24(%rsp)
  EXPECT_TRUE(DecodeOne({0x48, 0xff, 0x00}).stores);                     // incq (%rax)
  EXPECT_FALSE(DecodeOne({0x48, 0x8b, 0x44, 0x24, 0x18}).stores);        // mov 24(%rsp), %rax
  EXPECT_FALSE(DecodeOne({0x48, 0x83, 0x7c, 0x24, 0x18, 0}).stores);     // cmpq $0, 24(%rsp)
  EXPECT_FALSE(DecodeOne({0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00}).stores);  // nopw (%rax,%rax)
}

TEST(Disassemble, GoesOnBehindAnOddByte) {
  const auto code = Decode({0x06, 0x90, 0xc3});  // push %es is no instruction in 64-bit code
  ASSERT_THAT(code, SizeIs(3));
  EXPECT_EQ(code[0].size, 1);
  EXPECT_EQ(code[0].flow, Flow::kTrap);
  EXPECT_EQ(code[0].text, "");
  EXPECT_THAT(code[0].bytes, ElementsAre(0x06));
  EXPECT_EQ(code[1].text, "nop");
  EXPECT_EQ(code[2].flow, Flow::kReturn);
}

TEST(Disassemble, DoesNotDecodeBeyondTheRange) {
  ElfImage image;
  const uint64_t address = image.Add(".text", std::string_view("\xe8\0\0\0\0\xc3", 6));
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto code = Disassemble(*file, address, 3);
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(code->front().flow, Flow::kTrap);
  EXPECT_EQ(code->back().address + code->back().size, address + 3);
}

TEST(Disassemble, RefusesARangeOutsideOfTheFile) {
  const auto file = ElfImage().Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const uint64_t end = ElfImage::kBase + file->size();
  for (const auto& [address, size] : std::vector<std::pair<uint64_t, uint64_t>>{
           {end, 1}, {end - 1, 2}, {0, 1}, {ElfImage::kBase, UINT64_MAX}, {UINT64_MAX, 2}}) {
    const auto code = Disassemble(*file, address, size);
    ASSERT_FALSE(code.ok());
    EXPECT_EQ(code.status().code(), absl::StatusCode::kOutOfRange);
    EXPECT_EQ(ReasonOf(code.status()), "FUNCTION_OUT_OF_RANGE");
  }
  EXPECT_THAT(*Disassemble(*file, ElfImage::kBase, 0), IsEmpty());
}

TEST(KernelEmulates, WhatTheKernelCanDoWithoutACopy) {
  for (const Code& code : std::vector<Code>{{0x90},
                                            {0xeb, 0x10},
                                            {0xe9, 1, 0, 0, 0},
                                            {0xe8, 1, 0, 0, 0},
                                            {0x70, 0x10},
                                            {0x76, 0x10},
                                            {0x7f, 0x10},
                                            {0x0f, 0x80, 1, 0, 0, 0},
                                            {0x0f, 0x86, 1, 0, 0, 0},
                                            {0x0f, 0x8f, 1, 0, 0, 0},
                                            {0x50},
                                            {0x55},
                                            {0x57},
                                            {0x41, 0x50},
                                            {0x41, 0x57}}) {
    EXPECT_TRUE(KernelEmulates(Architecture::kAmd64, code)) << ::testing::PrintToString(code);
  }
}

TEST(KernelEmulates, NothingElse) {
  for (const Code& code : std::vector<Code>{{},
                                            {0xc3},                    // ret
                                            {0xcc},                    // int3
                                            {0x49, 0x3b, 0x66, 0x10},  // cmp
                                            {0x4f},                    // below push
                                            {0x58},                    // pop
                                            {0x41, 0x58},              // pop %r8
                                            {0x41, 0x90},              // xchg %r8, %rax
                                            {0x48, 0x55},              // push with REX.W
                                            {0x66, 0x90},              // two-byte nop
                                            {0xf3, 0x90},              // pause
                                            {0x0f, 0x1f, 0x44, 0, 0},  // five-byte nop
                                            {0x66, 0xe8, 1, 0, 0},     // callw
                                            {0xff, 0xd0},              // call *%rax
                                            {0xff, 0xe0},              // jmp *%rax
                                            {0xe2, 0x10},              // loop
                                            {0xe3, 0x10},              // jrcxz
                                            {0x0f, 0x0b},              // ud2
                                            {0x0f, 0x90, 0xc0},        // setcc
                                            {0x0f, 0x7f, 1, 0, 0, 0},  // below jcc
                                            {0x68, 1, 0, 0, 0},        // push imm
                                            {0xff, 0x30}}) {           // push (%rax)
    EXPECT_FALSE(KernelEmulates(Architecture::kAmd64, code)) << ::testing::PrintToString(code);
  }
}

// The stack check that sites are placed at is there in every release's builds.
TEST(Disassemble, FindsTheStackCheckOfGoPrograms) {
  const auto targets = AvailableTargets("hello");
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  for (const auto& target : targets) {
    SCOPED_TRACE(target.path);
    const auto file = ElfFile::Open(target.path);
    ASSERT_TRUE(file.ok()) << file.status();
    if (file->architecture() != Architecture::kAmd64) continue;
    const auto functions = GoFunctions::Read(*file);
    ASSERT_TRUE(functions.ok()) << functions.status();
    const auto found = functions->Find("net/http.(*response).finishRequest");
    ASSERT_FALSE(found.empty());
    const auto code = Disassemble(*file, found[0].address, found[0].size);
    ASSERT_TRUE(code.ok()) << code.status();
    ASSERT_GT(code->size(), 10U);
    // Before the register ABI the goroutine is loaded first, in one instruction or in two.
    const auto check = std::find_if(code->begin(), code->begin() + 4, [](const Instruction& i) {
      return i.flow == Flow::kConditional;
    });
    EXPECT_TRUE(check->text.starts_with("jbe")) << check->text;
    EXPECT_TRUE(KernelEmulates(Architecture::kAmd64, check->bytes));
    EXPECT_EQ(code->back().address + code->back().size, found[0].address + found[0].size);
    EXPECT_TRUE(std::any_of(code->begin(), code->end(), [&functions](const Instruction& i) {
      return i.flow == Flow::kCall && i.target &&
             functions->NameAtEntry(*i.target) == "bufio.(*Writer).Flush";
    }));
  }
}

}  // namespace
}  // namespace uprobed::elf
