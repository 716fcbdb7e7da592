#include "server/profile/saved_argument.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/profile/sites.h"

namespace uprobed::profile {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint64_t kStepsBegin = 0x1000;
constexpr uint64_t kMoreStack = 0x8000;

struct Step {
  Bytes bytes;
  std::string text;
  elf::Flow flow = elf::Flow::kNext;
  std::vector<std::string> written{};
  int target = -1;  // the number of another step; of a call, any stands for runtime.morestack
};

absl::StatusOr<ControlFlow> FlowOfSteps(elf::Architecture architecture,
                                        const std::vector<Step>& steps) {
  std::vector<uint64_t> addresses = {kStepsBegin};
  for (const Step& step : steps) addresses.push_back(addresses.back() + step.bytes.size());
  std::vector<elf::Instruction> code;
  for (size_t i = 0; i < steps.size(); ++i) {
    elf::Instruction instruction;
    instruction.architecture = architecture;
    instruction.address = addresses[i];
    instruction.size = static_cast<uint8_t>(steps[i].bytes.size());
    instruction.flow = steps[i].flow;
    instruction.bytes = steps[i].bytes;
    instruction.text = steps[i].text;
    instruction.written = steps[i].written;
    if (steps[i].target >= 0) {
      instruction.target = steps[i].flow == elf::Flow::kCall
                               ? kMoreStack
                               : addresses[static_cast<size_t>(steps[i].target)];
    }
    code.push_back(std::move(instruction));
  }
  return ControlFlow::Build("f", std::move(code), [](uint64_t address) {
    return address == kMoreStack ? std::optional<std::string>("runtime.morestack_noctxt")
                                 : std::nullopt;
  });
}

// A function with a stack check before `body` and the way to more stack behind it.
std::optional<int32_t> Saved(CallAbi abi, const std::vector<Step>& body, size_t word = 0) {
  const bool arm64 = abi == CallAbi::kArm64Registers;
  const int grow = static_cast<int>(body.size()) + 3;
  std::vector<Step> steps;
  if (arm64) {
    steps.push_back({{0xff, 0x63, 0x30, 0xeb}, "cmp sp, x16"});
    steps.push_back({{0x09, 0, 0, 0x54}, "b.ls", elf::Flow::kConditional, {}, grow});
  } else {
    steps.push_back({{0x49, 0x3b, 0x66, 0x10}, "cmp rsp, [r14 + 0x10]"});
    steps.push_back({{0x76, 0x10}, "jbe", elf::Flow::kConditional, {}, grow});
  }
  steps.insert(steps.end(), body.begin(), body.end());
  steps.push_back({arm64 ? Bytes{0xc0, 0x03, 0x5f, 0xd6} : Bytes{0xc3}, "ret", elf::Flow::kReturn});
  steps.push_back(
      {arm64 ? Bytes{0, 0, 0, 0x94} : Bytes{0xe8, 0, 0, 0, 0}, "call", elf::Flow::kCall, {}, 0});
  steps.push_back({arm64 ? Bytes{0, 0, 0, 0x14} : Bytes{0xeb, 0}, "jump", elf::Flow::kJump, {}, 0});
  const auto flow =
      FlowOfSteps(arm64 ? elf::Architecture::kArm64 : elf::Architecture::kAmd64, steps);
  EXPECT_TRUE(flow.ok()) << flow.status();
  return flow.ok() ? SavedArgument(*flow, abi, word) : std::nullopt;
}

const Step kMakeFrame{{0x48, 0x83, 0xec, 0x38}, "sub rsp, 0x38", elf::Flow::kNext, {"rsp"}};
const Step kPutAwayAx{{0x48, 0x89, 0x44, 0x24, 0x40}, "mov [rsp + 0x40], rax"};
const Step kPutAwayBx{{0x48, 0x89, 0x5c, 0x24, 0x48}, "mov [rsp + 0x48], rbx"};

TEST(SavedArgument, IsWhereTheFirstRegisterIsPutAway) {
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame, kPutAwayAx}), 0x40);
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame, kPutAwayBx, kPutAwayAx}), 0x40);
}

TEST(SavedArgument, MayBeAnyOfTheFirstFourWords) {
  const Step di{{0x48, 0x89, 0x7c, 0x24, 0x58}, "mov [rsp + 0x58], rdi"};
  const std::vector<Step> body = {kMakeFrame, kPutAwayAx, kPutAwayBx, di};
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, body, 1), 0x48);
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, body, 2), std::nullopt);
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, body, 3), 0x58);
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, body, 4), std::nullopt);
  EXPECT_EQ(Saved(CallAbi::kAmd64Stack, {kMakeFrame}, 2), 0x38 + 8 + 16);
  const Step x2{{0xe2, 0x2b, 0, 0xf9}, "str x2, [sp, #80]"};
  EXPECT_EQ(Saved(CallAbi::kArm64Registers, {x2}, 2), 80);
  EXPECT_EQ(Saved(CallAbi::kArm64Registers, {x2}, 1), std::nullopt);
}

TEST(SavedArgument, MayBeFarFromTheStackPointer) {
  const Step far{{0x48, 0x89, 0x84, 0x24, 0xa0, 1, 0, 0}, "mov [rsp + 0x1a0], rax"};
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame, far}), 0x1a0);
}

TEST(SavedArgument, IsNoneWhereOnlyOthersArePutAway) {
  const Step r8{{0x4c, 0x89, 0x44, 0x24, 0x40}, "mov [rsp + 0x40], r8"};
  const Step half{{0x89, 0x44, 0x24, 0x40}, "mov [rsp + 0x40], eax"};
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame}), std::nullopt);
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame, kPutAwayBx}), std::nullopt);
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame, r8}), std::nullopt);
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame, half}), std::nullopt);
}

TEST(SavedArgument, IsNoneWhereTheRegisterHasBecomeAnothers) {
  const Step lost{{0x48, 0x8b, 0x00}, "mov rax, [rax]", elf::Flow::kNext, {"rax"}};
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame, lost, kPutAwayAx}), std::nullopt);
}

TEST(SavedArgument, IsNoneWhereThePlaceIsWrittenAgain) {
  const Step other{{0x48, 0x89, 0x4c, 0x24, 0x40}, "mov [rsp + 0x40], rcx"};
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame, kPutAwayAx, other}), std::nullopt);
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame, kPutAwayAx, kPutAwayBx}), 0x40);
}

TEST(SavedArgument, IsNoneBetweenTwoWords) {
  const Step odd{{0x48, 0x89, 0x44, 0x24, 0x41}, "mov [rsp + 0x41], rax"};
  const Step below{{0x48, 0x89, 0x44, 0x24, 0xf8}, "mov [rsp - 8], rax"};
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame, odd}), std::nullopt);
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame, below}), std::nullopt);
}

TEST(SavedArgument, OnTheStackIsBehindTheFrameAndTheReturnAddress) {
  const Step large{{0x48, 0x81, 0xec, 0x90, 1, 0, 0}, "sub rsp, 0x190", elf::Flow::kNext, {"rsp"}};
  const Step added{{0x48, 0x83, 0xc4, 0x80}, "add rsp, -0x80", elf::Flow::kNext, {"rsp"}};
  EXPECT_EQ(Saved(CallAbi::kAmd64Stack, {kMakeFrame}), 0x38 + 8);
  EXPECT_EQ(Saved(CallAbi::kAmd64Stack, {large}), 0x190 + 8);
  EXPECT_EQ(Saved(CallAbi::kAmd64Stack, {added}), 0x80 + 8);
  EXPECT_EQ(Saved(CallAbi::kAmd64Stack, {kPutAwayAx}), std::nullopt);
}

TEST(SavedArgument, OfArm64IsWhereX0IsPutAway) {
  const Step x0{{0xe0, 0x2b, 0, 0xf9}, "str x0, [sp, #80]"};
  const Step x1{{0xe1, 0x2b, 0, 0xf9}, "str x1, [sp, #80]"};
  const Step at_x1{{0x20, 0x28, 0, 0xf9}, "str x0, [x1, #80]"};
  EXPECT_EQ(Saved(CallAbi::kArm64Registers, {x0}), 80);
  EXPECT_EQ(Saved(CallAbi::kArm64Registers, {x1}), std::nullopt);
  EXPECT_EQ(Saved(CallAbi::kArm64Registers, {at_x1}), std::nullopt);
  EXPECT_EQ(Saved(CallAbi::kArm64Registers, {x0, x1}), std::nullopt);
}

// A conditional jump over `skipped`, which begins behind it.
std::vector<Step> Branch(const Step& skipped) {
  return {{{0x74, 0x05}, "je", elf::Flow::kConditional, {}, 4}, skipped};
}

TEST(SavedArgument, MayBePutAwayBehindABranch) {
  const Step nop{{0x90}, "nop"};
  std::vector<Step> body = Branch(nop);
  body.push_back(kPutAwayAx);
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, body), 0x40);
}

TEST(SavedArgument, IsNoneWhereOneWayLeadsPastIt) {
  std::vector<Step> body = Branch(kPutAwayAx);
  body.push_back({{0x90}, "nop"});
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, body), std::nullopt);
}

TEST(SavedArgument, IsNoneWhereOneWayLosesTheRegister) {
  std::vector<Step> body =
      Branch({{0x48, 0x8b, 0x00}, "mov rax, [rax]", elf::Flow::kNext, {"rax"}});
  body.push_back(kPutAwayAx);
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, body), std::nullopt);
}

TEST(SavedArgument, IsNoneWhereSomethingIsCalledBefore) {
  const Step call{{0xe8, 0, 0, 0, 0}, "call", elf::Flow::kCall, {}, 0};
  EXPECT_EQ(Saved(CallAbi::kAmd64Registers, {kMakeFrame, call, kPutAwayAx}), std::nullopt);
}

}  // namespace
}  // namespace uprobed::profile
