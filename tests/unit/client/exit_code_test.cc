#include "client/exit_code.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::client {
namespace {

TEST(ExitCode, FollowsTheCanonicalCode) {
  using grpc::StatusCode;
  EXPECT_EQ(ExitCodeOf(StatusCode::OK), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(StatusCode::CANCELLED), ExitCode::kInternal);
  EXPECT_EQ(ExitCodeOf(StatusCode::UNKNOWN), ExitCode::kInternal);
  EXPECT_EQ(ExitCodeOf(StatusCode::INVALID_ARGUMENT), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(StatusCode::DEADLINE_EXCEEDED), ExitCode::kTimeout);
  EXPECT_EQ(ExitCodeOf(StatusCode::NOT_FOUND), ExitCode::kNotFound);
  EXPECT_EQ(ExitCodeOf(StatusCode::ALREADY_EXISTS), ExitCode::kAlreadyExists);
  EXPECT_EQ(ExitCodeOf(StatusCode::PERMISSION_DENIED), ExitCode::kPermission);
  EXPECT_EQ(ExitCodeOf(StatusCode::UNAUTHENTICATED), ExitCode::kPermission);
  EXPECT_EQ(ExitCodeOf(StatusCode::RESOURCE_EXHAUSTED), ExitCode::kUnavailable);
  EXPECT_EQ(ExitCodeOf(StatusCode::FAILED_PRECONDITION), ExitCode::kPrecondition);
  EXPECT_EQ(ExitCodeOf(StatusCode::ABORTED), ExitCode::kPrecondition);
  EXPECT_EQ(ExitCodeOf(StatusCode::OUT_OF_RANGE), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(StatusCode::UNIMPLEMENTED), ExitCode::kPrecondition);
  EXPECT_EQ(ExitCodeOf(StatusCode::INTERNAL), ExitCode::kInternal);
  EXPECT_EQ(ExitCodeOf(StatusCode::UNAVAILABLE), ExitCode::kUnavailable);
  EXPECT_EQ(ExitCodeOf(StatusCode::DATA_LOSS), ExitCode::kInternal);
}

TEST(ToStatusCode, TakesWhatGrpcDoesNotKnowForUnknown) {
  EXPECT_EQ(ToStatusCode(5), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ToStatusCode(99), grpc::StatusCode::UNKNOWN);
  EXPECT_EQ(ToStatusCode(-1), grpc::StatusCode::UNKNOWN);
}

TEST(CodeName, IsThatOfGrpc) {
  EXPECT_EQ(CodeName(grpc::StatusCode::NOT_FOUND), "NOT_FOUND");
  EXPECT_EQ(CodeName(grpc::StatusCode::DATA_LOSS), "DATA_LOSS");
}

TEST(ExitCode, IsDocumentedWithItsNumber) {
  const std::string text = DescribeExitCodes();
  for (const char* number : {"  0  ", "  1  ", "  2  ", "  3  ", "  4  ", "  5  ", "  6  ", "  7  ",
                             "  8  ", "  9  ", "130  "}) {
    EXPECT_THAT(text, ::testing::HasSubstr(number));
  }
}

}  // namespace
}  // namespace uprobed::client
