// Machine code of Go 1.15 and 1.16, which pass arguments and results on the stack.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/profile/hand_written_code.h"

namespace uprobed::profile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kSend[] = "net/http.send";
constexpr char kWantsClose[] = "net/http.(*Request).wantsClose";

// The frame has 0x60 bytes, so that the words of the arguments are at 0x68 and 0x70.
const Bytes kFrame = {0x48, 0x83, 0xec, 0x60};                 // sub rsp, 0x60
const Bytes kLoadReceiver = {0x48, 0x8b, 0x44, 0x24, 0x68};    // mov rax, qword ptr [rsp + 0x68]
const Bytes kLoadCode = {0x48, 0x8b, 0x4c, 0x24, 0x70};        // mov rcx, qword ptr [rsp + 0x70]
const Bytes kStoreCodeOnStack = {0x48, 0x89, 0x48, 0x78};      // mov qword ptr [rax + 0x78], rcx
const Bytes kSpill = {0x48, 0x89, 0x44, 0x24, 0x18};           // mov qword ptr [rsp + 0x18], rax
const Bytes kReload = {0x48, 0x8b, 0x44, 0x24, 0x18};          // mov rax, qword ptr [rsp + 0x18]
const Bytes kSpillHigh = {0x48, 0x89, 0x44, 0x24, 0x58};       // mov qword ptr [rsp + 0x58], rax
const Bytes kReloadHigh = {0x48, 0x8b, 0x44, 0x24, 0x58};      // mov rax, qword ptr [rsp + 0x58]
const Bytes kRdiIntoFrame = {0x48, 0x8d, 0x7c, 0x24, 0x10};    // lea rdi, [rsp + 0x10]
const Bytes kRdiToArguments = {0x48, 0x8d, 0x7c, 0x24, 0x68};  // lea rdi, [rsp + 0x68]

MachineCode StackCode() {
  MachineCode code(Passing::kOnStack);
  code.Add(kFrame);
  return code;
}

TEST(StackAbiMachineCode, FindsArgumentsBehindTheReturnAddress) {
  EXPECT_THAT(StackCode()
                  .Add(kLoadReceiver)
                  .Add(kLoadCode)
                  .Add(kStoreCodeOnStack)
                  .Return()
                  .Tell(kWriteHeader),
              ElementsAre(Pair(kStatus, 120)));
}

TEST(StackAbiMachineCode, FindsNoArgumentsInRegisters) {
  EXPECT_THAT(StackCode().Add({0x48, 0x89, 0x58, 0x78}).Return().Tell(kWriteHeader), IsEmpty());
}

TEST(StackAbiMachineCode, KeepsArgumentsButNoRegistersOverACall) {
  EXPECT_THAT(StackCode()
                  .Call("net/http.(*conn).hijacked")
                  .Add(kLoadReceiver)
                  .Add(kLoadCode)
                  .Add(kStoreCodeOnStack)
                  .Return()
                  .Tell(kWriteHeader),
              ElementsAre(Pair(kStatus, 120)));
  EXPECT_THAT(StackCode()
                  .Add(kLoadReceiver)
                  .Add(kLoadCode)
                  .Call("net/http.(*conn).hijacked", 16)
                  .Add(kStoreCodeOnStack)
                  .Return()
                  .Tell(kWriteHeader),
              IsEmpty());
}

TEST(StackAbiMachineCode, ForgetsWhatACalleeMayWriteOfItsArgumentsAndResults) {
  const auto over_call = [](std::optional<uint32_t> stack_bytes) {
    return StackCode()
        .Add(kLoadReceiver)
        .Add(kSpill)
        .Call("net/http.(*conn).hijacked", stack_bytes)
        .Add(kReload)
        .Add(kLoadCode)
        .Add(kStoreCodeOnStack)
        .Return()
        .Tell(kWriteHeader);
  };
  EXPECT_THAT(over_call(24), ElementsAre(Pair(kStatus, 120)));
  EXPECT_THAT(over_call(25), IsEmpty());
  EXPECT_THAT(over_call(32), IsEmpty());
  EXPECT_THAT(over_call(UINT32_MAX), IsEmpty());
  EXPECT_THAT(over_call(std::nullopt), IsEmpty());
}

TEST(StackAbiMachineCode, TakesNineWordsForTheArgumentsOfAnIndirectCall) {
  const auto over_call = [](const Bytes& spill, const Bytes& reload) {
    return StackCode()
        .Add(kLoadReceiver)
        .Add(spill)
        .CallIndirect()
        .Add(reload)
        .Add(kLoadCode)
        .Add(kStoreCodeOnStack)
        .Return()
        .Tell(kWriteHeader);
  };
  EXPECT_THAT(over_call(kSpill, kReload), IsEmpty());
  EXPECT_THAT(over_call(kSpillHigh, kReloadHigh), ElementsAre(Pair(kStatus, 120)));
}

TEST(StackAbiMachineCode, ForgetsWhatDuffcopyMayWrite) {
  const auto over_copy = [](const Bytes& destination, bool whole = false) {
    MachineCode code = StackCode().Add(kLoadReceiver).Add(kSpillHigh).Add(destination);
    (whole ? code.Call("runtime.duffcopy", 0) : code.CallMiddle());
    return code.Add(kReloadHigh).Add(kLoadCode).Add(kStoreCodeOnStack).Return().Tell(kWriteHeader);
  };
  EXPECT_THAT(over_copy(kRdiIntoFrame), IsEmpty());
  EXPECT_THAT(over_copy(kRdiIntoFrame, true), IsEmpty());
  EXPECT_THAT(over_copy(kRdiToArguments), IsEmpty());
  EXPECT_THAT(over_copy({0x48, 0x89, 0xc7}), ElementsAre(Pair(kStatus, 120)));  // mov rdi, rax
}

TEST(StackAbiMachineCode, FindsResultsBehindTheArgumentsOfTheCallee) {
  EXPECT_THAT(StackCode()
                  .Call("runtime.newobject", 16)
                  .Add({0x48, 0x8b, 0x44, 0x24, 0x08})  // mov rax, qword ptr [rsp + 8]
                  .Add(kSpillHigh)
                  .Call("net/http.ParseHTTPVersion", 40)
                  .Add(kReloadHigh)
                  .Add({0x48, 0x8b, 0x4c, 0x24, 0x10})  // mov rcx, qword ptr [rsp + 0x10]
                  .Add({0x48, 0x89, 0x48, 0x28})        // mov qword ptr [rax + 0x28], rcx
                  .Add({0x48, 0x8b, 0x4c, 0x24, 0x18})  // mov rcx, qword ptr [rsp + 0x18]
                  .Add({0x48, 0x89, 0x48, 0x30})        // mov qword ptr [rax + 0x30], rcx
                  .Add({0x48, 0x8b, 0x4c, 0x24, 0x08})  // mov rcx, qword ptr [rsp + 8]
                  .Add({0x48, 0x89, 0x48, 0x08})        // mov qword ptr [rax + 8], rcx
                  .Return()
                  .Tell(kReadRequest),
              UnorderedElementsAre(Pair("net/http.Request.ProtoMajor", 40),
                                   Pair("net/http.Request.ProtoMinor", 48)));
}

TEST(StackAbiMachineCode, FindsTheResultsOfAnIndirectCallButNotOfOneIntoAFunction) {
  const auto behind = [](MachineCode code) {
    return code
        .Add({0x48, 0x8b, 0x44, 0x24, 0x10})  // mov rax, qword ptr [rsp + 0x10]
        .Add({0x48, 0x8b, 0x40, 0x50})        // mov rax, qword ptr [rax + 0x50]
        .Add({0x48, 0x89, 0x04, 0x24})        // mov qword ptr [rsp], rax
        .Call("runtime.convT64", 16)
        .Return()
        .Tell(kSend);
  };
  EXPECT_THAT(behind(StackCode().CallIndirect()),
              ElementsAre(Pair("net/http.Response.ContentLength", 80)));
  EXPECT_THAT(behind(StackCode().CallMiddle()), IsEmpty());
  EXPECT_THAT(behind(StackCode().Call("time.Now", 24)), IsEmpty());
}

TEST(StackAbiMachineCode, FindsArgumentsOfCallsOnTopOfTheStack) {
  EXPECT_THAT(StackCode()
                  .Add(kLoadReceiver)
                  .Add({0x48, 0x8b, 0x40, 0x38})        // mov rax, qword ptr [rax + 0x38]
                  .Add({0x48, 0x89, 0x44, 0x24, 0x08})  // mov qword ptr [rsp + 8], rax
                  .Call("runtime.mapaccess1_faststr", 40)
                  .Return()
                  .Tell(kWantsClose),
              ElementsAre(Pair("net/http.Request.Header", 56)));
}

TEST(StackAbiMachineCode, TellsNothingWhereTheStackPointerIsNotKnown) {
  EXPECT_THAT(StackCode()
                  .Add({0x48, 0x83, 0xe4, 0xf0})  // and rsp, -0x10
                  .Add(kLoadReceiver)
                  .Add(kLoadCode)
                  .Add(kStoreCodeOnStack)
                  .Call("runtime.newobject", 16)
                  .Return()
                  .Tell(kWriteHeader),
              IsEmpty());
}

}  // namespace
}  // namespace uprobed::profile
