#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/profile/hand_written_code.h"

namespace uprobed::profile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kWrite[] = "net/http.(*response).write";
constexpr char kServeHttp[] = "net/http.serverHandler.ServeHTTP";
constexpr char kRequestUri[] = "net/url.(*URL).RequestURI";
constexpr char kConnReadRequest[] = "net/http.(*conn).readRequest";

constexpr char kWritten[] = "net/http.response.written";

const Bytes kStoreCode = {0x48, 0x89, 0x58, 0x78};             // mov qword ptr [rax + 0x78], rbx
const Bytes kStoreCodeElsewhere = {0x48, 0x89, 0x58, 0x28};    // mov qword ptr [rax + 0x28], rbx
const Bytes kSpillReceiver = {0x48, 0x89, 0x44, 0x24, 0x10};   // mov qword ptr [rsp + 0x10], rax
const Bytes kSpillCode = {0x48, 0x89, 0x5c, 0x24, 0x18};       // mov qword ptr [rsp + 0x18], rbx
const Bytes kReloadReceiver = {0x48, 0x8b, 0x7c, 0x24, 0x10};  // mov rdi, qword ptr [rsp + 0x10]
const Bytes kReloadCode = {0x48, 0x8b, 0x4c, 0x24, 0x18};      // mov rcx, qword ptr [rsp + 0x18]
const Bytes kStoreReloaded = {0x48, 0x89, 0x4f, 0x78};         // mov qword ptr [rdi + 0x78], rcx

TEST(MachineCode, TellsTheStatusFromTheStoreOfTheCode) {
  EXPECT_THAT(MachineCode().Add(kStoreCode).Return().Tell(kWriteHeader),
              ElementsAre(Pair(kStatus, 120)));
}

TEST(MachineCode, FollowsSpilledArgumentsOverACall) {
  EXPECT_THAT(MachineCode()
                  .Add({0x55})                    // push rbp
                  .Add({0x48, 0x89, 0xe5})        // mov rbp, rsp
                  .Add({0x48, 0x83, 0xec, 0x20})  // sub rsp, 0x20
                  .Add(kSpillReceiver)
                  .Add(kSpillCode)
                  .Call("net/http.(*conn).hijacked")
                  .Add({0x66, 0x90})  // xchg ax, ax
                  .Add(kReloadReceiver)
                  .Add(kReloadCode)
                  .Add(kStoreReloaded)
                  .Return()
                  .Tell(kWriteHeader),
              ElementsAre(Pair(kStatus, 120)));
}

TEST(MachineCode, ForgetsRegistersOverACall) {
  EXPECT_THAT(
      MachineCode().Call("net/http.(*conn).hijacked").Add(kStoreCode).Return().Tell(kWriteHeader),
      IsEmpty());
}

TEST(MachineCode, KeepsRegistersOverTheWriteBarrier) {
  EXPECT_THAT(
      MachineCode().Call("runtime.gcWriteBarrier2").Add(kStoreCode).Return().Tell(kWriteHeader),
      ElementsAre(Pair(kStatus, 120)));
}

TEST(MachineCode, ForgetsASlotWhoseAddressACalleeHas) {
  EXPECT_THAT(MachineCode()
                  .Add({0x48, 0x83, 0xec, 0x20})  // sub rsp, 0x20
                  .Add(kSpillReceiver)
                  .Add(kSpillCode)
                  .Add({0x48, 0x8d, 0x44, 0x24, 0x10})  // lea rax, [rsp + 0x10]
                  .Call("runtime.newobject")
                  .Add(kReloadReceiver)
                  .Add(kReloadCode)
                  .Add(kStoreReloaded)
                  .Return()
                  .Tell(kWriteHeader),
              IsEmpty());
}

TEST(MachineCode, ForgetsASlotThatIsOverwrittenInPart) {
  EXPECT_THAT(MachineCode()
                  .Add(kSpillReceiver)
                  .Add({0x44, 0x0f, 0x11, 0x7c, 0x24, 0x08})  // movups [rsp + 8], xmm15
                  .Add(kReloadReceiver)
                  .Add({0x48, 0x89, 0x5f, 0x78})  // mov qword ptr [rdi + 0x78], rbx
                  .Return()
                  .Tell(kWriteHeader),
              IsEmpty());
}

TEST(MachineCode, TellsNothingWhereTwoStoresDisagree) {
  EXPECT_THAT(MachineCode().Add(kStoreCode).Add(kStoreCodeElsewhere).Return().Tell(kWriteHeader),
              IsEmpty());
}

TEST(MachineCode, FollowsBothWaysOfABranch) {
  // One way forgets the code, so that behind the join it is not known.
  EXPECT_THAT(MachineCode()
                  .Add({0x48, 0x85, 0xc9})  // test rcx, rcx
                  .Add({0x74, 0x02})        // je over the next
                  .Add({0x31, 0xdb})        // xor ebx, ebx
                  .Add(kStoreCode)
                  .Return()
                  .Tell(kWriteHeader),
              IsEmpty());
  EXPECT_THAT(MachineCode()
                  .Add({0x48, 0x85, 0xc9})  // test rcx, rcx
                  .Add({0x74, 0x02})        // je over the next
                  .Add({0x31, 0xd2})        // xor edx, edx
                  .Add(kStoreCode)
                  .Return()
                  .Tell(kWriteHeader),
              ElementsAre(Pair(kStatus, 120)));
}

TEST(MachineCode, TellsNothingWhereAJumpIsNotKnown) {
  EXPECT_THAT(MachineCode()
                  .Add(kStoreCode)
                  .Add({0xff, 0xe1})  // jmp rcx
                  .Tell(kWriteHeader),
              IsEmpty());
}

TEST(MachineCode, EndsAPathWhereTheCodeDoesNotDecode) {
  EXPECT_THAT(MachineCode().Add(kStoreCode).Add({0x06}).Add(kStoreCodeElsewhere).Tell(kWriteHeader),
              ElementsAre(Pair(kStatus, 120)));
}

TEST(MachineCode, TellsNothingOfFunctionsItDoesNotKnow) {
  EXPECT_THAT(MachineCode().Add(kStoreCode).Return().Tell("main.main"), IsEmpty());
  EXPECT_THAT(OffsetsIn(kWriteHeader, Follow({}, {})), IsEmpty());
}

TEST(MachineCode, TellsTheRequestAndItsVersionFromProtoAtLeast) {
  EXPECT_THAT(MachineCode()
                  .Add({0x48, 0x8b, 0x50, 0x08})        // mov rdx, qword ptr [rax + 8]
                  .Add({0x4c, 0x8b, 0x4a, 0x28})        // mov r9, qword ptr [rdx + 0x28]
                  .Add({0x49, 0x83, 0xf9, 0x01})        // cmp r9, 1
                  .Add({0x7e, 0x01})                    // jle over the ret
                  .Return()                             //
                  .Add({0x48, 0x83, 0x7a, 0x30, 0x00})  // cmp qword ptr [rdx + 0x30], 0
                  .Add({0x0f, 0x9f, 0xc2})              // setg dl
                  .Return()
                  .Tell(kWriteHeader),
              UnorderedElementsAre(Pair("net/http.response.req", 8),
                                   Pair("net/http.Request.ProtoMajor", 40),
                                   Pair("net/http.Request.ProtoMinor", 48)));
}

TEST(MachineCode, TellsWhatIsWrittenFromTheAddition) {
  EXPECT_THAT(MachineCode()
                  .Add({0x48, 0x8b, 0x70, 0x68})  // mov rsi, qword ptr [rax + 0x68]
                  .Add({0x48, 0x01, 0xde})        // add rsi, rbx
                  .Add({0x48, 0x89, 0x70, 0x68})  // mov qword ptr [rax + 0x68], rsi
                  .Return()
                  .Tell(kWrite),
              ElementsAre(Pair(kWritten, 104)));
  EXPECT_THAT(MachineCode()
                  .Add({0x48, 0x01, 0x58, 0x68})  // add qword ptr [rax + 0x68], rbx
                  .Return()
                  .Tell(kWrite),
              ElementsAre(Pair(kWritten, 104)));
}

TEST(MachineCode, TakesNoAdditionThatIsStoredElsewhere) {
  EXPECT_THAT(MachineCode()
                  .Add({0x48, 0x8b, 0x70, 0x68})  // mov rsi, qword ptr [rax + 0x68]
                  .Add({0x48, 0x01, 0xde})        // add rsi, rbx
                  .Add({0x48, 0x89, 0x70, 0x60})  // mov qword ptr [rax + 0x60], rsi
                  .Return()
                  .Tell(kWrite),
              IsEmpty());
}

TEST(MachineCode, TellsStringsThatAreComparedWithConstants) {
  MachineCode code;
  code.Add({0x48, 0x83, 0xbf, 0xc8, 0x00, 0x00, 0x00, 0x01})  // cmp qword ptr [rdi + 0xc8], 1
      .Add({0x4c, 0x8b, 0x87, 0xc0, 0x00, 0x00, 0x00})        // mov r8, qword ptr [rdi + 0xc0]
      .Add({0x41, 0x80, 0x38, 0x2a})                          // cmp byte ptr [r8], '*'
      .Add({0x4c, 0x8b, 0x07})                                // mov r8, qword ptr [rdi]
      .Add({0x41, 0x81, 0x38, 0x4f, 0x50, 0x54, 0x49});       // cmp dword ptr [r8], "OPTI"
  MachineCode without_length = code;
  code.Add({0x48, 0x83, 0x7f, 0x08, 0x07});  // cmp qword ptr [rdi + 8], 7

  EXPECT_THAT(code.Return().Tell(kServeHttp),
              UnorderedElementsAre(Pair("net/http.Request.RequestURI", 192),
                                   Pair("net/http.Request.Method", 0)));
  EXPECT_THAT(without_length.Return().Tell(kServeHttp),
              ElementsAre(Pair("net/http.Request.RequestURI", 192)));
}

TEST(MachineCode, TellsStringsThatAreConcatenated) {
  EXPECT_THAT(MachineCode()
                  .Add({0x4c, 0x8b, 0x40, 0x60})  // mov r8, qword ptr [rax + 0x60]
                  .Add({0x4c, 0x8b, 0x48, 0x68})  // mov r9, qword ptr [rax + 0x68]
                  .Add({0x31, 0xdb})              // xor ebx, ebx
                  .Call("runtime.concatstring3")
                  .Return()
                  .Tell(kRequestUri),
              ElementsAre(Pair("net/url.URL.RawQuery", 96)));
}

TEST(MachineCode, TellsWhereTheResultOfACallIsStored) {
  EXPECT_THAT(MachineCode()
                  .Add({0x48, 0x83, 0xec, 0x20})  // sub rsp, 0x20
                  .Call("runtime.newobject")
                  .Add(kSpillReceiver)
                  .Call("net/http.ParseHTTPVersion")
                  .Add(kReloadReceiver)
                  .Add({0x48, 0x89, 0x47, 0x28})  // mov qword ptr [rdi + 0x28], rax
                  .Add({0x48, 0x89, 0x5f, 0x30})  // mov qword ptr [rdi + 0x30], rbx
                  .Return()
                  .Tell(kReadRequest),
              UnorderedElementsAre(Pair("net/http.Request.ProtoMajor", 40),
                                   Pair("net/http.Request.ProtoMinor", 48)));
}

TEST(MachineCode, TellsACopiedStringFromACopiedPointer) {
  EXPECT_THAT(MachineCode()
                  .Add({0x48, 0x83, 0xec, 0x20})  // sub rsp, 0x20
                  .Add(kSpillReceiver)
                  .Call("net/http.readRequest")
                  .Add(kReloadReceiver)
                  .Add({0x48, 0x8b, 0x57, 0x20})  // mov rdx, qword ptr [rdi + 0x20]
                  .Add({0x48, 0x8b, 0x77, 0x28})  // mov rsi, qword ptr [rdi + 0x28]
                  .Add({0x48, 0x89, 0x50, 0x50})  // mov qword ptr [rax + 0x50], rdx
                  .Add({0x48, 0x89, 0x70, 0x58})  // mov qword ptr [rax + 0x58], rsi
                  .Add({0x48, 0x8b, 0x57, 0x30})  // mov rdx, qword ptr [rdi + 0x30]
                  .Add({0x48, 0x89, 0x50, 0x70})  // mov qword ptr [rax + 0x70], rdx
                  .Return()
                  .Tell(kConnReadRequest),
              UnorderedElementsAre(Pair("net/http.Request.RemoteAddr", 80),
                                   Pair("net/http.Request.TLS", 112)));
}

// Bytes of an instruction with a 32-bit number at its end.
Bytes With(Bytes opcode, uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8)
    opcode.push_back(static_cast<uint8_t>(number >> shift));
  return opcode;
}

// `loop` instructions that are run again for each of the slots, because each way back to their
// start has lost one more of them.
MachineCode NestedLoops(size_t loop, uint32_t slots) {
  MachineCode code;
  code.Add(kStoreCode).Add(With({0x48, 0x81, 0xec}, 0x1000));  // sub rsp, 0x1000
  for (uint32_t i = 0; i < slots; ++i) {
    code.Add(With({0x48, 0x89, 0x84, 0x24}, 8 * i));  // mov qword ptr [rsp + 8*i], rax
  }
  uint32_t back = 0;
  for (size_t i = 0; i < loop; ++i) {
    code.Add({0x48, 0x8b, 0x48, 0x08});  // mov rcx, qword ptr [rax + 8]
    back -= 4;
  }
  for (uint32_t i = 0; i < slots; ++i) {
    code.Add(With({0x89, 0x8c, 0x24}, 8 * i));  // mov dword ptr [rsp + 8*i], ecx
    back -= 7 + 6;
    code.Add(With({0x0f, 0x84}, back));  // je to the loop's start
  }
  return code.Return();
}

TEST(MachineCode, GivesUpLoopsThatTakeLong) {
  EXPECT_THAT(NestedLoops(100, 10).Tell(kWriteHeader), ElementsAre(Pair(kStatus, 120)));
  EXPECT_THAT(NestedLoops(3500, 100).Tell(kWriteHeader), IsEmpty());
}

TEST(MachineCode, GivesUpLongFunctions) {
  EXPECT_THAT(NestedLoops(kMaxInstructions, 1).Tell(kWriteHeader), IsEmpty());
}

TEST(MachineCode, ForgetsASlotBelowTheStackPointerOverACall) {
  EXPECT_THAT(MachineCode()
                  .Add({0x48, 0x83, 0xec, 0x20})  // sub rsp, 0x20
                  .Add(kSpillCode)
                  .Add({0x48, 0x89, 0x44, 0x24, 0xf0})  // mov qword ptr [rsp - 0x10], rax
                  .Call("net/http.(*conn).hijacked")
                  .Add({0x48, 0x8b, 0x7c, 0x24, 0xf0})  // mov rdi, qword ptr [rsp - 0x10]
                  .Add(kReloadCode)
                  .Add(kStoreReloaded)
                  .Return()
                  .Tell(kWriteHeader),
              IsEmpty());
}

TEST(MachineCode, ForgetsATakenSlotWhereAPointerOfUnknownOriginIsWrittenThrough) {
  const auto behind = [](const Bytes& pointer) {
    return MachineCode()
        .Add({0x48, 0x83, 0xec, 0x20})  // sub rsp, 0x20
        .Add(kSpillReceiver)
        .Add({0x48, 0x8d, 0x4c, 0x24, 0x10})  // lea rcx, [rsp + 0x10]
        .Add(pointer)
        .Add({0x48, 0x89, 0x11})  // mov qword ptr [rcx], rdx
        .Add(kReloadReceiver)
        .Add({0x48, 0x89, 0x5f, 0x78})  // mov qword ptr [rdi + 0x78], rbx
        .Return()
        .Tell(kWriteHeader);
  };
  EXPECT_THAT(behind({0x48, 0x89, 0xc1}), ElementsAre(Pair(kStatus, 120)));    // mov rcx, rax
  EXPECT_THAT(behind({0x48, 0x8b, 0x0d, 0x00, 0x00, 0x00, 0x00}), IsEmpty());  // mov rcx, [rip]
}

TEST(MachineCode, AddsNumbersThatOverflow) {
  const Bytes max = {0x48, 0xb9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
  EXPECT_THAT(MachineCode()
                  .Add(max)                 // movabs rcx, 0x7fffffffffffffff
                  .Add({0x48, 0x01, 0xc9})  // add rcx, rcx
                  .Add(max)
                  .Add({0x48, 0x01, 0xc8})              // add rax, rcx
                  .Add({0x48, 0x89, 0x58, 0x78})        // mov qword ptr [rax + 0x78], rbx
                  .Add({0x48, 0x01, 0xcc})              // add rsp, rcx
                  .Add({0x48, 0x89, 0x5c, 0x24, 0x08})  // mov qword ptr [rsp + 8], rbx
                  .Return()
                  .Tell(kWriteHeader),
              IsEmpty());
}

}  // namespace
}  // namespace uprobed::profile
