#include "server/base/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

namespace uprobed {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

absl::Status NotThere() {
  return MakeError(absl::StatusCode::kNotFound, "FILE_NOT_FOUND", "there is no such file",
                   {{"path", "/bin/none"}, {"tried", ""}});
}

TEST(MakeError, KeepsCodeReasonMessageAndMetadata) {
  const absl::Status status = NotThere();

  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(status), "FILE_NOT_FOUND");
  EXPECT_EQ(MessageOf(status), "there is no such file");
  EXPECT_THAT(MetadataOf(status), ElementsAre(Pair("path", "/bin/none"), Pair("tried", "")));
}

TEST(MakeErrnoError, TakesCodeAndDescriptionFromTheErrno) {
  const absl::Status status = MakeErrnoError(EACCES, "OPEN_DENIED", "open /etc/shadow");

  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(status), "OPEN_DENIED");
  EXPECT_EQ(MessageOf(status), "open /etc/shadow: Permission denied");
}

TEST(ReasonOf, IsInternalForAnErrorWithoutOne) {
  EXPECT_EQ(ReasonOf(absl::UnknownError("foreign")), "INTERNAL");
}

TEST(MetadataOf, IsEmptyForAnErrorWithoutAny) {
  EXPECT_THAT(MetadataOf(absl::UnknownError("foreign")), IsEmpty());
}

TEST(Annotate, PrefixesTheMessageAndKeepsTheRest) {
  const absl::Status status = Annotate(NotThere(), "read profile");

  EXPECT_EQ(MessageOf(status), "read profile: there is no such file");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(status), "FILE_NOT_FOUND");
  EXPECT_EQ(MetadataOf(status), MetadataOf(NotThere()));
}

TEST(Annotate, LeavesSuccessAlone) { EXPECT_TRUE(Annotate(absl::OkStatus(), "context").ok()); }

absl::Status ReturnsEarly(const absl::Status& status, bool& reached) {
  RETURN_IF_ERROR(status);
  reached = true;
  return absl::OkStatus();
}

TEST(ReturnIfError, ReturnsAnErrorAndPassesSuccess) {
  bool reached = false;

  EXPECT_EQ(ReasonOf(ReturnsEarly(NotThere(), reached)), "FILE_NOT_FOUND");
  EXPECT_FALSE(reached);
  EXPECT_TRUE(ReturnsEarly(absl::OkStatus(), reached).ok());
  EXPECT_TRUE(reached);
}

absl::StatusOr<int> Unwrap(absl::StatusOr<std::unique_ptr<int>> boxed) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> value, std::move(boxed));
  return *value;
}

TEST(AssignOrReturn, MovesTheValueOutOrReturnsTheError) {
  const absl::StatusOr<int> seven = Unwrap(std::make_unique<int>(7));

  ASSERT_TRUE(seven.ok());
  EXPECT_EQ(*seven, 7);
  EXPECT_THAT(MessageOf(Unwrap(NotThere()).status()), StartsWith("there is no"));
}

}  // namespace
}  // namespace uprobed
