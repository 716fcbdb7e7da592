#include "client/failure.h"

#include "client/advice.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/fake_daemon.h"

namespace uprobed::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(Failure, CarriesReasonMetadataAndViolationsOfTheStatus) {
  const Failure failure = ReadFailure(
      DaemonError(grpc::StatusCode::NOT_FOUND, "PROBE_NOT_FOUND", "there is no probe \"x\""));
  EXPECT_EQ(failure.code, grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(failure.reason, "PROBE_NOT_FOUND");
  EXPECT_EQ(failure.message, "there is no probe \"x\"");
  EXPECT_THAT(failure.metadata, ElementsAre(Pair("path", "/bin/true")));
  EXPECT_THAT(failure.violations, ElementsAre("probe.spec: is wrong"));
}

TEST(Failure, SaysNothingTwice) {
  const Failure failure =
      ReadFailure(DaemonError(grpc::StatusCode::INVALID_ARGUMENT, "X", "is wrong"));
  EXPECT_TRUE(failure.violations.empty());
}

TEST(Failure, WithoutDetailsStillHasCodeAndMessage) {
  const Failure failure = ReadFailure({grpc::StatusCode::INTERNAL, ""});
  EXPECT_EQ(failure.message, "INTERNAL");
  EXPECT_EQ(failure.reason, "");
  EXPECT_THAT(FormatFailure(failure, "error:"), HasSubstr("\nreason: INTERNAL\n"));
}

TEST(Failure, WithDetailsThatDoNotParseKeepsItsMessage) {
  const Failure failure = ReadFailure({grpc::StatusCode::ABORTED, "raced", "\xff\xff\xff"});
  EXPECT_EQ(failure.message, "raced");
  EXPECT_EQ(failure.reason, "");
}

TEST(Failure, IsShownWithReasonAndNextStep) {
  const Failure failure =
      ReadFailure(MakeFailure(grpc::StatusCode::NOT_FOUND, "PROBE_NOT_FOUND", "no such probe"));
  EXPECT_EQ(FormatFailure(failure, "error:"),
            "error: no such probe\nreason: PROBE_NOT_FOUND\n"
            "try: `uprobectl probes` lists the probes that there are");
}

TEST(Failure, CannotSteerTheTerminal) {
  const Failure failure =
      ReadFailure(MakeFailure(grpc::StatusCode::INTERNAL, "A\x1b[0m", "bad\x1b]0;title\x07\nname"));
  const std::string text = FormatFailure(failure, "error:");
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("error: bad\\x1b]0;title\\x07\\nname\n"));
}

TEST(Failure, AsJsonIsOneObjectOnOneLine) {
  const std::string json =
      FormatFailureJson(ReadFailure(DaemonError(grpc::StatusCode::NOT_FOUND, "X\"", "a\nb\x1b\\")));
  EXPECT_TRUE(IsJsonObject(json)) << json;
  EXPECT_THAT(json, Not(HasSubstr("\n")));
  EXPECT_THAT(json, HasSubstr(R"("code":"NOT_FOUND")"));
  EXPECT_THAT(json, HasSubstr(R"("metadata":{"path":"/bin/true"})"));
}

TEST(Advice, IsThereForEveryCode) {
  for (int code = 1; code <= 16; ++code) {
    EXPECT_NE(AdviceFor(static_cast<grpc::StatusCode>(code), ""), "") << code;
  }
}

TEST(Advice, PrefersTheReason) {
  EXPECT_THAT(AdviceFor(grpc::StatusCode::FAILED_PRECONDITION, "KERNEL_FEATURE_MISSING"),
              HasSubstr("uprobectl doctor"));
  EXPECT_NE(AdviceFor(grpc::StatusCode::NOT_FOUND, "PROBE_NOT_FOUND"),
            AdviceFor(grpc::StatusCode::NOT_FOUND, ""));
}

}  // namespace
}  // namespace uprobed::client
