#include "server/profile/control_flow.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "tests/unit/profile/code.h"

namespace uprobed::profile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ControlFlow, FollowsBothSidesOfAConditionalJump) {
  const auto flow = Code().JumpIfEqual("end").Mov().Label("end").Return().Build();

  ASSERT_TRUE(flow.ok()) << flow.status();
  EXPECT_EQ(flow->FallThrough(0), 1u);
  EXPECT_EQ(flow->Taken(0), 2u);
  EXPECT_THAT(flow->predecessors(2), ElementsAre(0, 1));
  EXPECT_THAT(flow->Returns(), ElementsAre(2));
}

TEST(ControlFlow, EndsAtACallThatNeverReturns) {
  for (const char* callee : {"runtime.panicIndex", "runtime.gopanic", "runtime.throw",
                             "runtime.goPanicSliceB", "runtime.block", "runtime.fatal"}) {
    const auto flow = Code().Call(callee).Return().Build();

    ASSERT_TRUE(flow.ok()) << flow.status();
    EXPECT_THAT(flow->successors(0), IsEmpty()) << callee;
    EXPECT_THAT(flow->Returns(), IsEmpty()) << callee;
  }
}

TEST(ControlFlow, ComesBackFromOtherCalls) {
  const auto flow = Code().Call("net/http.rewindBody").CallInterface().Return().Build();

  ASSERT_TRUE(flow.ok()) << flow.status();
  EXPECT_THAT(flow->Returns(), ElementsAre(2));
  EXPECT_THAT(flow->CallsTo("net/http.rewindBody"), ElementsAre(0));
}

TEST(ControlFlow, NamesOnlyCallsThatAreReached) {
  const auto flow = Code().Return().Call("a").Return().Build();

  ASSERT_TRUE(flow.ok()) << flow.status();
  EXPECT_THAT(flow->CallsTo("a"), IsEmpty());
}

TEST(ControlFlow, RefusesAJumpTable) {
  const auto flow = Code().Mov().JumpTable().Return().Build();

  EXPECT_EQ(ReasonOf(flow.status()), "SITE_NOT_FOUND");
}

TEST(ControlFlow, RefusesAJumpOutOfTheFunction) {
  EXPECT_EQ(ReasonOf(Code().Jump("elsewhere").Build().status()), "SITE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Code().JumpIfEqual("elsewhere").Return().Build().status()), "SITE_NOT_FOUND");
}

TEST(ControlFlow, RefusesCodeThatRunsOverItsEnd) {
  EXPECT_EQ(ReasonOf(Code().Mov().Build().status()), "SITE_NOT_FOUND");
}

TEST(ControlFlow, RefusesBytesThatDoNotDecode) {
  EXPECT_EQ(ReasonOf(Code().Undecodable().Return().Build().status()), "SITE_NOT_FOUND");
}

TEST(ControlFlow, DoesNotMindWhatIsNeverReached) {
  EXPECT_TRUE(Code().Return().Undecodable().JumpTable().Mov().Build().ok());
}

TEST(ControlFlow, RefusesAnEmptyFunction) {
  EXPECT_EQ(ReasonOf(Code().Build().status()), "SITE_NOT_FOUND");
}

TEST(ControlFlow, FindsWhatReachesAndWhatIsReached) {
  const auto flow =
      Code().JumpIfEqual("other").Mov().Return().Label("other").Mov().Return().Build();

  ASSERT_TRUE(flow.ok()) << flow.status();
  EXPECT_THAT(flow->ReachableFrom({1}), ElementsAre(false, true, true, false, false));
  EXPECT_THAT(flow->Reaching({4}), ElementsAre(true, false, false, true, true));
  EXPECT_THAT(flow->ReachableFrom({0}, [](ControlFlow::Edge edge) { return edge.to == 3; }),
              ElementsAre(true, true, true, false, false));
}

TEST(ControlFlow, FindsInstructionsByTheirFirstByteOnly) {
  const auto flow = Code().Mov().Return().Build();

  ASSERT_TRUE(flow.ok()) << flow.status();
  EXPECT_EQ(flow->NodeAt(flow->at(1).address), 1u);
  EXPECT_EQ(flow->NodeAt(flow->at(1).address + 1), std::nullopt);
}

}  // namespace
}  // namespace uprobed::profile
