#include "server/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>

#include "server/base/errors.h"

namespace uprobed {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// SetUpLog replaces the logger of the process.
class SetUpLogTest : public ::testing::Test {
 protected:
  ~SetUpLogTest() override { spdlog::set_default_logger(before_); }

 private:
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

TEST_F(SetUpLogTest, WritesTextToStandardError) {
  testing::internal::CaptureStderr();

  const absl::Status status = SetUpLog("info", "text");
  spdlog::info("attached id={}", 7);

  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(status.ok());
  EXPECT_THAT(written, HasSubstr("info"));
  EXPECT_THAT(written, EndsWith(" attached id=7\n"));
}

TEST_F(SetUpLogTest, WritesValidJsonWhateverTheMessage) {
  testing::internal::CaptureStderr();

  const absl::Status status = SetUpLog("info", "json");
  spdlog::error("bad \"name\"\n");

  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(status.ok());
  EXPECT_THAT(written, StartsWith("{\"ts\":\""));
  EXPECT_THAT(written, EndsWith("\"msg\":\"bad \\\"name\\\"\\n\"}\n"));
}

TEST_F(SetUpLogTest, LeavesOutWhatIsBelowTheLevel) {
  testing::internal::CaptureStderr();

  const absl::Status status = SetUpLog("warn", "text");
  spdlog::info("quiet");

  EXPECT_TRUE(status.ok());
  EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
}

TEST_F(SetUpLogTest, RefusesAnUnknownLevel) {
  const absl::Status status = SetUpLog("loud", "text");

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "LOG_LEVEL_UNKNOWN");
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"loud\""));
}

TEST_F(SetUpLogTest, RefusesAnUnknownFormatAndKeepsTheLogger) {
  const std::shared_ptr<spdlog::logger> before = spdlog::default_logger();

  const absl::Status status = SetUpLog("info", "xml");

  EXPECT_EQ(ReasonOf(status), "LOG_FORMAT_UNKNOWN");
  EXPECT_THAT(std::string(status.message()), Not(IsEmpty()));
  EXPECT_EQ(spdlog::default_logger(), before);
}

}  // namespace
}  // namespace uprobed
