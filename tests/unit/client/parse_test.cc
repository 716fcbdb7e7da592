#include "client/parse.h"

#include <filesystem>

#include "client/target.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"
#include "uprobed/v1/profile.pb.h"

namespace uprobed::client {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

TEST(ParseDuration, TakesNumbersWithUnits) {
  EXPECT_EQ(*ParseDuration("500ms"), milliseconds(500));
  EXPECT_EQ(*ParseDuration("10s"), milliseconds(10'000));
  EXPECT_EQ(*ParseDuration("1m30s"), milliseconds(90'000));
  EXPECT_EQ(*ParseDuration("1.5h"), milliseconds(5'400'000));
}

TEST(ParseDuration, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "10", "s", "10 s", "-1s", "1.2.3s", "10x", "1sfoo", "1e3s", "."}) {
    const auto duration = ParseDuration(text);
    ASSERT_FALSE(duration.ok()) << text;
    EXPECT_EQ(duration.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(MessageOf(duration.status()), HasSubstr("such as 500ms")) << text;
  }
}

TEST(ParseDuration, RefusesNothingAndForever) {
  EXPECT_THAT(MessageOf(ParseDuration("0s").status()), HasSubstr("too short"));
  EXPECT_THAT(MessageOf(ParseDuration("0.5ms").status()), HasSubstr("too short"));
  EXPECT_THAT(MessageOf(ParseDuration("9999999999999h").status()), HasSubstr("too long"));
}

TEST(ParseInstrumentations, KnowsTheNames) {
  EXPECT_THAT(*ParseInstrumentations({"http_server", "http_client"}),
              ElementsAre(v1::INSTRUMENTATION_HTTP_SERVER, v1::INSTRUMENTATION_HTTP_CLIENT));
  EXPECT_TRUE(ParseInstrumentations({})->empty());
}

TEST(ParseInstrumentations, NamesThoseThatThereAre) {
  EXPECT_THAT(MessageOf(ParseInstrumentations({"grpc"}).status()),
              HasSubstr("http_server, http_client, grpc_server and grpc_client"));
}

TEST(ParseLabels, SplitsAtTheFirstEqualsSign) {
  EXPECT_THAT(*ParseLabels({"team=checkout", "query=a=b", "empty="}),
              ElementsAre(Pair("empty", ""), Pair("query", "a=b"), Pair("team", "checkout")));
}

TEST(ParseLabels, RefusesMalformedAndRepeatedKeys) {
  EXPECT_THAT(MessageOf(ParseLabels({"team"}).status()), HasSubstr("key=value"));
  EXPECT_THAT(MessageOf(ParseLabels({"=x"}).status()), HasSubstr("key=value"));
  EXPECT_THAT(MessageOf(ParseLabels({"a=1", "a=2"}).status()), HasSubstr("twice"));
}

TEST(ProbeName, TakesBothForms) {
  EXPECT_EQ(*ProbeName("shop"), "probes/shop");
  EXPECT_EQ(*ProbeName("probes/shop"), "probes/shop");
  EXPECT_EQ(ShortName("probes/shop"), "shop");
}

TEST(ProbeName, RefusesAnotherCollectionAndNothing) {
  EXPECT_FALSE(ProbeName("").ok());
  EXPECT_FALSE(ProbeName("probes/").ok());
  EXPECT_FALSE(ProbeName("profiles/shop").ok());
}

TEST(AbsolutePath, LeavesAnAbsolutePathToTheDaemon) {
  EXPECT_EQ(*AbsolutePath("/no/../such/file"), "/no/../such/file");
}

TEST(AbsolutePath, ResolvesWhatExistsOfARelativePath) {
  const testing::TempDir directory;
  const std::filesystem::path real = std::filesystem::canonical(directory.path());
  std::filesystem::create_directory(real / "releases");
  std::filesystem::create_directory_symlink("releases", real / "current");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(real);
  const auto path = AbsolutePath("./current/../current/shop");
  std::filesystem::current_path(before);
  EXPECT_EQ(*path, (real / "releases/shop").string());
}

TEST(ParseAddress, TakesSocketsAndPorts) {
  EXPECT_EQ(*ParseAddress("/run/x.sock"), "unix:/run/x.sock");
  EXPECT_EQ(*ParseAddress("unix:/run/x.sock"), "unix:/run/x.sock");
  EXPECT_EQ(*ParseAddress("localhost:7777"), "localhost:7777");
}

TEST(ParseAddress, RefusesWhatIsNeither) {
  EXPECT_FALSE(ParseAddress("").ok());
  EXPECT_THAT(MessageOf(ParseAddress("localhost").status()), HasSubstr("host:port"));
}

TEST(Target, NeedsAPathOrAProcess) {
  EXPECT_THAT(MessageOf(CheckTarget({})), HasSubstr("--pid"));
  EXPECT_TRUE(CheckTarget({"/bin/shop", 0}).ok());
  EXPECT_TRUE(CheckTarget({"", 12}).ok());
}

TEST(Target, OfOnlyDigitsIsTakenForAForgottenPid) {
  EXPECT_THAT(MessageOf(CheckTarget({"4321", 0})), HasSubstr("--pid 4321"));
}

TEST(Target, GoesIntoTheMessage) {
  v1::ResolveProfileRequest request;
  ASSERT_TRUE(SetTarget({"", 12}, &request).ok());
  EXPECT_EQ(request.pid(), 12);
  ASSERT_TRUE(SetTarget({"/bin/shop", 0}, &request).ok());
  EXPECT_EQ(request.binary_path(), "/bin/shop");
}

TEST(ParseOverhead, TakesPercentsAndFractions) {
  EXPECT_DOUBLE_EQ(*ParseOverhead("1%"), 0.01);
  EXPECT_DOUBLE_EQ(*ParseOverhead("0.5%"), 0.005);
  EXPECT_DOUBLE_EQ(*ParseOverhead("0.01"), 0.01);
  EXPECT_DOUBLE_EQ(*ParseOverhead("150%"), 1.5);
  EXPECT_EQ(*ParseOverhead("unlimited"), 0);
}

TEST(ParseOverhead, SaysHowToWriteIt) {
  for (const char* text : {"", "%", "much", "1 %", "1%%", "1.2.3", "Unlimited"}) {
    const absl::Status status = ParseOverhead(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(status.message().find("write 1%, 0.01 or unlimited"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace uprobed::client
