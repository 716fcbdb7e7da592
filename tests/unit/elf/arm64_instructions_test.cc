#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/elf/go_functions.h"
#include "server/elf/instructions.h"
#include "tests/support/targets.h"
#include "tests/unit/elf/elf_image.h"

namespace uprobed::elf {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;
using ::uprobed::testing::Arm64TargetsDir;
using ::uprobed::testing::AvailableTargets;

using Words = std::vector<uint32_t>;

std::vector<uint8_t> BytesOf(uint32_t word) {
  return {static_cast<uint8_t>(word), static_cast<uint8_t>(word >> 8),
          static_cast<uint8_t>(word >> 16), static_cast<uint8_t>(word >> 24)};
}

std::vector<Instruction> DecodeArm64(const Words& words, size_t extra_bytes = 0) {
  std::string code(reinterpret_cast<const char*>(words.data()), words.size() * sizeof(uint32_t));
  code.append(extra_bytes, '\x1f');
  ElfImage image;
  image.machine = EM_AARCH64;
  const uint64_t address = image.Add(".text", code);
  const auto file = image.Open();
  EXPECT_TRUE(file.ok()) << file.status();
  const auto instructions = Disassemble(*file, address, code.size());
  EXPECT_TRUE(instructions.ok()) << instructions.status();
  return instructions.ok() ? *instructions : std::vector<Instruction>();
}

// An instruction as an assembler encodes it, and what the architecture's manual says of it.
struct Fact {
  uint32_t word;
  const char* assembly;
  std::vector<std::string> written;
  bool stores = false;
  Flow flow = Flow::kNext;
};

const Fact kFacts[] = {
    {0xf9400b90, "ldr x16, [x28, #16]", {"x16"}},
    {0xeb3063ff, "cmp sp, x16", {"nzcv"}},
    {0x54000809, "b.ls", {}, false, Flow::kConditional},
    {0xb40002e1, "cbz x1", {}, false, Flow::kConditional},
    {0x35ffffc3, "cbnz w3", {}, false, Flow::kConditional},
    {0xb6280089, "tbz x9, #37", {}, false, Flow::kConditional},
    {0x372fff89, "tbnz w9, #5", {}, false, Flow::kConditional},
    {0x17fffc00, "b", {}, false, Flow::kJump},
    {0x94008000, "bl", {"x30"}, false, Flow::kCall},
    {0xd61f0060, "br x3", {}, false, Flow::kJump},
    {0xd63f0340, "blr x26", {"x30"}, false, Flow::kCall},
    {0xd65f03c0, "ret", {}, false, Flow::kReturn},
    {0xd65f0bff, "retaa", {}, false, Flow::kReturn},
    {0xd71f0822, "braa x1, x2", {}, false, Flow::kJump},
    {0xd4000001, "svc #0", {"x0"}},
    {0xd4200020, "brk #1", {}, false, Flow::kTrap},
    {0x10000041, "adr x1, .+8", {"x1"}},
    {0x90000002, "adrp x2", {"x2"}},
    {0xd503201f, "nop", {}},
    {0xd53bd040, "mrs x0, tpidr_el0", {"x0"}},
    {0xd51b4201, "msr nzcv, x1", {}},
    {0x58000203, "ldr x3, literal", {"x3"}},
    {0x5c000203, "ldr d3, literal", {}},
    {0x98000203, "ldrsw x3, literal", {"x3"}},
    {0xd8000200, "prfm literal", {}},
    {0xc85f7c41, "ldxr x1, [x2]", {"x1"}},
    {0xc805fc41, "stlxr w5, x1, [x2]", {"x5"}, true},
    {0xc87f8861, "ldaxp x1, x2, [x3]", {"x1", "x2"}},
    {0xc8250861, "stxp w5, x1, x2, [x3]", {"x5"}, true},
    {0xa9bf7bfd, "stp x29, x30, [sp, #-16]!", {"sp"}, true},
    {0xa8c27bfd, "ldp x29, x30, [sp], #32", {"x29", "x30", "sp"}},
    {0xa9409003, "ldp x3, x4, [x0, #8]", {"x3", "x4"}},
    {0xf81b0ffe, "str x30, [sp, #-80]!", {"sp"}, true},
    {0xf9400420, "ldr x0, [x1, #8]", {"x0"}},
    {0x38401420, "ldrb w0, [x1], #1", {"x0", "x1"}},
    {0xb8a17804, "ldrsw x4, [x0, x1, lsl #2]", {"x4"}},
    {0xf8226801, "str x1, [x0, x2]", {}, true},
    {0xf81f8001, "stur x1, [x0, #-8]", {}, true},
    {0xf9800000, "prfm [x0]", {}},
    {0x88dffc63, "ldar w3, [x3]", {"x3"}},
    {0x889ffc83, "stlr w3, [x4]", {}, true},
    {0xc8e1fc62, "casal x1, x2, [x3]", {"x1"}, true},
    {0x4862fcc4, "caspal x2, x3, x4, x5, [x6]", {"x2", "x3"}, true},
    {0xf8e10062, "ldaddal x1, x2, [x3]", {"x2"}, true},
    {0xf821007f, "stadd x1, [x3]", {}, true},
    {0xb8e18062, "swpal w1, w2, [x3]", {"x2"}, true},
    {0xf8bfc041, "ldapr x1, [x2]", {"x1"}},
    {0xaa0103e0, "mov x0, x1", {"x0"}},
    {0x72a00067, "movk w7, #3, lsl #16", {"x7"}},
    {0x8b030041, "add x1, x2, x3", {"x1"}},
    {0x910083ff, "add sp, sp, #32", {"sp"}},
    {0x8b22403f, "add sp, x1, w2, uxtw", {"sp"}},
    {0xf1010211, "subs x17, x16, #64", {"x17", "nzcv"}},
    {0xea02003f, "tst x1, x2", {"nzcv"}},
    {0x927c0c3f, "and sp, x1, #0xf0", {"sp"}},
    {0xf27c0c41, "ands x1, x2, #0xf0", {"x1", "nzcv"}},
    {0xfa420020, "ccmp x1, x2, #0, eq", {"nzcv"}},
    {0x9a830041, "csel x1, x2, x3, eq", {"x1"}},
    {0xba030041, "adcs x1, x2, x3", {"x1", "nzcv"}},
    {0x9b031041, "madd x1, x2, x3, x4", {"x1"}},
    {0x9ac608a4, "udiv x4, x5, x6", {"x4"}},
    {0xd3410c83, "ubfx x3, x4, #1, #3", {"x3"}},
    {0x93c51c83, "extr x3, x4, x5, #7", {"x3"}},
    {0x9e660083, "fmov x3, d4", {"x3"}},
    {0x9e670064, "fmov d4, x3", {}},
    {0x9e780025, "fcvtzs x5, d1", {"x5"}},
    {0x9e6200a1, "scvtf d1, x5", {}},
    {0x1e622020, "fcmp d1, d2", {"nzcv"}},
    {0x1e632841, "fadd d1, d2, d3", {}},
    {0x0e053c23, "umov w3, v1.b[2]", {"x3"}},
    {0x4e081c61, "mov v1.d[0], x3", {}},
    {0x3cc10441, "ldr q1, [x2], #16", {"x2"}},
    {0x4cdfa061, "ld1 {v1.16b, v2.16b}, [x3], #32", {"x3"}},
    {0x4c007061, "st1 {v1.16b}, [x3]", {}, true},
};

TEST(Arm64Instructions, ChangeWhatTheManualSays) {
  for (const Fact& fact : kFacts) {
    SCOPED_TRACE(fact.assembly);
    const auto code = DecodeArm64({fact.word});
    ASSERT_THAT(code, SizeIs(1));
    EXPECT_EQ(code[0].architecture, Architecture::kArm64);
    EXPECT_EQ(code[0].size, 4);
    EXPECT_EQ(code[0].bytes, BytesOf(fact.word));
    EXPECT_THAT(code[0].text, ::testing::Not(IsEmpty()));
    EXPECT_EQ(code[0].flow, fact.flow);
    EXPECT_EQ(code[0].stores, fact.stores);
    EXPECT_THAT(code[0].written, UnorderedElementsAreArray(fact.written));
  }
}

TEST(Arm64Instructions, GoWhereTheirDisplacementSays) {
  const struct {
    uint32_t word;
    int64_t distance;
  } kJumps[] = {{0x54000809, 0x100},     // b.ls
                {0x54fffe06, -0x40},     // b.vs
                {0xb40002e1, 0x5c},      // cbz
                {0x35ffffc3, -8},        // cbnz
                {0xb6280089, 0x10},      // tbz
                {0x372fff89, -0x10},     // tbnz
                {0x17fffc00, -0x1000},   // b
                {0x94008000, 0x20000}};  // bl
  for (const auto& jump : kJumps) {
    const auto code = DecodeArm64({jump.word});
    ASSERT_THAT(code, SizeIs(1));
    EXPECT_EQ(code[0].target, code[0].address + static_cast<uint64_t>(jump.distance));
  }
  for (const uint32_t to_register : Words{0xd61f0060, 0xd63f0340, 0xd65f03c0}) {
    EXPECT_EQ(DecodeArm64({to_register})[0].target, std::nullopt);
  }
}

TEST(Arm64Instructions, AreTrapsWhereTheyDoNotDecode) {
  const auto code = DecodeArm64({0, 0xd503201f}, 3);
  ASSERT_THAT(code, SizeIs(3));
  EXPECT_EQ(code[0].flow, Flow::kTrap);
  EXPECT_EQ(code[0].size, 4);
  EXPECT_THAT(code[0].text, IsEmpty());
  EXPECT_EQ(code[1].text, "nop");
  EXPECT_EQ(code[2].flow, Flow::kTrap);
  EXPECT_EQ(code[2].size, 3);  // the rest of the function, less than a word
}

TEST(Arm64Handling, IsEmulationOfBranchesAndOfAddresses) {
  for (const uint32_t word :
       Words{0x54000809, 0xb40002e1, 0x35ffffc3, 0xb6280089, 0x372fff89, 0x17fffc00, 0x94008000,
             0xd61f0060, 0xd63f0340, 0xd65f03c0, 0xd65f0060, 0x10000041, 0x90000002}) {
    EXPECT_EQ(HandlingOf(Architecture::kArm64, BytesOf(word)), ProbeHandling::kEmulated)
        << fmt::format("{:#x}", word);
  }
}

TEST(Arm64Handling, IsAStepOfWhatNeedsNoPlaceOfItsOwn) {
  for (const uint32_t word : Words{0xf9400b90u,     // ldr
                                   0xeb3063ffu,     // cmp
                                   0xa9bf7bfdu,     // stp
                                   0xd503201fu,     // nop: emulated since kernel 6.13 only
                                   0xd53bd040u,     // mrs
                                   0xd5033bbfu,     // dmb
                                   0x88dffc63u,     // ldar
                                   0xc8e1fc62u}) {  // casal
    EXPECT_EQ(HandlingOf(Architecture::kArm64, BytesOf(word)), ProbeHandling::kSingleStepped)
        << fmt::format("{:#x}", word);
    EXPECT_FALSE(KernelEmulates(Architecture::kArm64, BytesOf(word)));
  }
}

TEST(Arm64Handling, IsRefusalOfWhatCannotRunElsewhere) {
  for (const uint32_t word : Words{0xc85f7c41u,     // ldxr
                                   0xc805fc41u,     // stlxr
                                   0xc8250861u,     // stxp
                                   0x58000203u,     // ldr, literal
                                   0x98000203u,     // ldrsw, literal
                                   0xd8000200u,     // prfm, literal
                                   0xd4000001u,     // svc
                                   0xd4200020u,     // brk
                                   0xd51b4201u,     // msr nzcv
                                   0xd50342dfu,     // msr daifset
                                   0xd69f03e0u,     // eret
                                   0xd65f0bffu,     // retaa
                                   0xd71f0822u,     // braa
                                   0xd503245fu,     // bti c
                                   0x19010440u,     // cpyfp
                                   0x54000810u,     // bc.eq
                                   0x00000000u}) {  // udf
    EXPECT_EQ(HandlingOf(Architecture::kArm64, BytesOf(word)), ProbeHandling::kRefused)
        << fmt::format("{:#x}", word);
  }
  EXPECT_EQ(HandlingOf(Architecture::kArm64, {0x1f, 0x20, 0x03}), ProbeHandling::kRefused);
  EXPECT_EQ(HandlingOf(Architecture::kArm64, {}), ProbeHandling::kRefused);
}

TEST(Arm64Handling, KnowsDirectCalls) {
  EXPECT_TRUE(IsDirectCall(Architecture::kArm64, BytesOf(0x94008000)));
  EXPECT_FALSE(IsDirectCall(Architecture::kArm64, BytesOf(0x17fffc00)));  // b
  EXPECT_FALSE(IsDirectCall(Architecture::kArm64, BytesOf(0xd63f0340)));  // blr
  EXPECT_FALSE(IsDirectCall(Architecture::kArm64, {0xe8, 0, 0, 0, 0}));   // amd64's
}

JumpCondition OnRegister(uint8_t number, uint8_t first_bit, uint8_t count, bool negated) {
  return {.test = JumpCondition::Test::kRegister,
          .code = 0,
          .register_number = number,
          .first_bit = first_bit,
          .bit_count = count,
          .negated = negated};
}

TEST(Arm64Conditions, AreOfFlagsOrOfTheBitsOfARegister) {
  const auto of = [](uint32_t word) { return ConditionOf(Architecture::kArm64, BytesOf(word)); };

  EXPECT_EQ(of(0x54000809)->test, JumpCondition::Test::kFlags);
  EXPECT_EQ(of(0x54000809)->code, 9);                      // ls
  EXPECT_EQ(of(0x54fffe06)->code, 6);                      // vs
  EXPECT_EQ(of(0xb40002e1), OnRegister(1, 0, 64, false));  // cbz x1
  EXPECT_EQ(of(0x35ffffc3), OnRegister(3, 0, 32, true));   // cbnz w3
  EXPECT_EQ(of(0xb6280089), OnRegister(9, 37, 1, false));  // tbz x9, #37
  EXPECT_EQ(of(0x372fff89), OnRegister(9, 5, 1, true));    // tbnz w9, #5
  for (const uint32_t other : Words{0x17fffc00, 0x94008000, 0xd65f03c0, 0x54000810}) {
    EXPECT_EQ(of(other), std::nullopt) << fmt::format("{:#x}", other);
  }
}

TEST(Amd64Conditions, AreOfFlags) {
  const auto of = [](const std::vector<uint8_t>& bytes) {
    return ConditionOf(Architecture::kAmd64, bytes);
  };

  EXPECT_EQ(of({0x74, 0x10})->code, 4);                   // je
  EXPECT_EQ(of({0x0f, 0x86, 0, 1, 0, 0})->code, 6);       // jbe
  EXPECT_EQ(of({0xe3, 0x10}), std::nullopt);              // jrcxz
  EXPECT_EQ(of({0xeb, 0x10}), std::nullopt);              // jmp
  EXPECT_EQ(of({0x0f, 0x90, 0, 1, 0, 0}), std::nullopt);  // setcc
}

TEST(Arm64Programs, BeginWithAStackCheckThatTheKernelEmulates) {
  const auto targets = AvailableTargets("hello", Arm64TargetsDir());
  if (targets.empty()) GTEST_SKIP() << "no Go programs for arm64; run scripts/build_targets";
  for (const auto& target : targets) {
    SCOPED_TRACE(target.path);
    const auto file = ElfFile::Open(target.path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->architecture(), Architecture::kArm64);
    const auto functions = GoFunctions::Read(*file);
    ASSERT_TRUE(functions.ok()) << functions.status();
    const auto found = functions->Find("net/http.(*response).finishRequest");
    ASSERT_FALSE(found.empty());
    const auto code = Disassemble(*file, found[0].address, found[0].size);
    ASSERT_TRUE(code.ok()) << code.status();
    ASSERT_GT(code->size(), 10U);
    EXPECT_TRUE((*code)[0].text.ends_with("[x28, #0x10]")) << (*code)[0].text;  // g.stackguard0
    const auto check = std::find_if(code->begin(), code->begin() + 5, [](const Instruction& i) {
      return i.flow == Flow::kConditional;
    });
    EXPECT_TRUE(check->text.starts_with("b.ls")) << check->text;
    EXPECT_TRUE(KernelEmulates(Architecture::kArm64, check->bytes));
    EXPECT_TRUE(std::any_of(code->begin(), code->end(), [&functions](const Instruction& i) {
      return i.flow == Flow::kCall && i.target &&
             functions->NameAtEntry(*i.target) == "bufio.(*Writer).Flush";
    }));
  }
}

}  // namespace
}  // namespace uprobed::elf
