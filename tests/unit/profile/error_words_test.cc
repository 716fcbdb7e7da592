#include "server/profile/error_words.h"

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/profile/code.h"

namespace uprobed::profile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kGetConn[] = "net/http.(*Transport).getConn";

ArgumentLocation In(std::string_view name, const std::string& register_name) {
  return {std::string(name), ArgumentLocation::Kind::kRegister, register_name, 0};
}

ArgumentLocation OnStack(std::string_view name, int32_t offset) {
  return {std::string(name), ArgumentLocation::Kind::kStack, "", offset};
}

// The words of the error at the label "site".
std::vector<ArgumentLocation> WordsAtSite(const Code& code, CallAbi abi) {
  const auto flow = code.Build();
  EXPECT_TRUE(flow.ok()) << flow.status();
  return flow.ok() ? ErrorOfConnection(*flow, code.At("site"), abi)
                   : std::vector<ArgumentLocation>();
}

// Behind the call: `test`, then a jump, then `failed`, which begins with the error.
Code Connecting(const std::function<void(Code&)>& test, const std::function<void(Code&)>& failed) {
  Code code;
  code.Call(kGetConn);
  test(code);
  code.JumpIfEqual("connected");
  failed(code);
  code.Label("site").Nop().Return().Label("connected").Mov().Label("success").Nop().Return();
  return code;
}

std::vector<ArgumentLocation> InRegisters(const std::function<void(Code&)>& test,
                                          const std::function<void(Code&)>& failed) {
  return WordsAtSite(Connecting(test, failed), CallAbi::kAmd64Registers);
}

void TestError(Code& code) { code.TestRbx(); }
void DoNothing(Code&) {}

TEST(ErrorWords, AreInTheRegistersOfTheResults) {
  EXPECT_THAT(InRegisters(TestError, DoNothing),
              ElementsAre(In("error", "rbx"), In("error_data", "rcx")));
}

TEST(ErrorWords, AreFoundWhereTheTestIsTheOtherWayRound) {
  Code code;
  code.Call(kGetConn).TestRbx().JumpIfNotEqual("failed").Nop().Return();
  code.Label("failed").Mov().Label("site").Nop().Return();

  EXPECT_THAT(WordsAtSite(code, CallAbi::kAmd64Registers),
              ElementsAre(In("error", "rbx"), In("error_data", "rcx")));
}

TEST(ErrorWords, AreFollowedToWhereTheyArePutAway) {
  const auto words =
      InRegisters([](Code& code) { code.PutAwayRcx(0x28).PutAwayRbx(0x20).TestRbx(); },
                  [](Code& code) {
                    code.Mov({"rbx", "rcx"});
                  });
  EXPECT_THAT(words, ElementsAre(OnStack("error", 0x20), OnStack("error_data", 0x28)));
}

TEST(ErrorWords, AreLostWhereAnythingOverwritesThem) {
  EXPECT_THAT(InRegisters(TestError, [](Code& code) { code.Mov({"rbx"}); }), IsEmpty());
  EXPECT_THAT(InRegisters(TestError, [](Code& code) { code.Mov({"rcx"}); }), IsEmpty());
  // The place of one is taken by the other.
  EXPECT_THAT(InRegisters([](Code& code) { code.PutAwayRbx(0x20).PutAwayRcx(0x20).TestRbx(); },
                          [](Code& code) { code.Mov({"rbx"}); }),
              IsEmpty());
}

TEST(ErrorWords, AreLostBehindAnotherCall) {
  EXPECT_THAT(InRegisters(TestError, [](Code& code) { code.Call("f"); }), IsEmpty());
}

TEST(ErrorWords, AreNotThoseOfAnotherTest) {
  EXPECT_THAT(InRegisters([](Code& code) { code.TestRax(); }, DoNothing), IsEmpty());
  EXPECT_THAT(InRegisters([](Code& code) { code.Mov({"rbx"}).TestRbx(); }, DoNothing), IsEmpty());
  EXPECT_THAT(InRegisters([](Code& code) { code.TestRbx().Mov(); }, DoNothing), IsEmpty());
}

TEST(ErrorWords, AreNotKnownWhereAnotherWayLeads) {
  Code code;
  code.JumpIfEqual("site").Call(kGetConn).TestRbx().JumpIfEqual("connected");
  code.Label("site").Nop().Return().Label("connected").Nop().Return();

  EXPECT_THAT(WordsAtSite(code, CallAbi::kAmd64Registers), IsEmpty());
}

TEST(ErrorWords, AreNotKnownWhereTheConnectionWasMade) {
  const Code code = Connecting(TestError, DoNothing);
  const auto flow = code.Build();
  ASSERT_TRUE(flow.ok()) << flow.status();

  EXPECT_THAT(ErrorOfConnection(*flow, code.At("success"), CallAbi::kAmd64Registers), IsEmpty());
}

TEST(ErrorWords, AreNotKnownBeforeTheTest) {
  Code code;
  code.Call(kGetConn).Label("site").Nop().TestRbx().JumpIfEqual("end").Label("end").Return();

  EXPECT_THAT(WordsAtSite(code, CallAbi::kAmd64Registers), IsEmpty());
}

TEST(ErrorWords, AreBehindTheArgumentsOnTheStack) {
  const auto on_stack = [](const std::function<void(Code&)>& test) {
    return WordsAtSite(Connecting(test, [](Code& code) { code.Mov({"rcx"}); }),
                       CallAbi::kAmd64Stack);
  };
  EXPECT_THAT(on_stack([](Code& code) { code.LoadRcxFromStack(72).TestRcx(); }),
              ElementsAre(OnStack("error", 72), OnStack("error_data", 80)));
  EXPECT_THAT(on_stack([](Code& code) { code.CompareOnStack(72); }),
              ElementsAre(OnStack("error", 72), OnStack("error_data", 80)));
  EXPECT_THAT(on_stack([](Code& code) { code.LoadRcxFromStack(64).TestRcx(); }), IsEmpty());
  EXPECT_THAT(on_stack([](Code& code) { code.CompareOnStack(64); }), IsEmpty());
}

}  // namespace
}  // namespace uprobed::profile
