#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <future>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child_process.h"
#include "tests/unit/client/fake_daemon.h"

namespace uprobed::client {
namespace {

using testing::ChildProcess;

// The executable itself: signals and closed pipes.
class ProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    daemon_.script.spans.resize(1);
    v1::Span* span = daemon_.script.spans[0].add_spans();
    span->set_name("GET");
    span->mutable_end_time()->set_seconds(1);
    daemon_.script.endless = true;
  }
  std::vector<std::string> Command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> command = {UPROBECTL_PATH, "--address", daemon_.address()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }
  FakeDaemon daemon_;
};

TEST_F(ProcessTest, EndsWith130AfterASignal) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    std::optional<ChildProcess> client = ChildProcess::Start(Command({"spans"}));
    ASSERT_TRUE(client.has_value());
    EXPECT_NE(client->ReadLine(), "");
    ASSERT_EQ(kill(client->pid(), signal), 0);
    while (!client->ReadLine().empty()) {
    }
    EXPECT_EQ(client->Wait(), 130);
  }
}

TEST_F(ProcessTest, EndsWith130WhileACallIsUnanswered) {
  std::promise<void> called;
  std::promise<void> release;
  daemon_.script.before_answer = [&] {
    called.set_value();
    release.get_future().wait();
  };
  std::optional<ChildProcess> client = ChildProcess::Start(Command({"detach", "shop"}));
  ASSERT_TRUE(client.has_value());
  called.get_future().wait();
  ASSERT_EQ(kill(client->pid(), SIGINT), 0);
  EXPECT_EQ(client->Wait(), 130);
  release.set_value();
}

TEST_F(ProcessTest, EndsQuietlyWhenItsReaderLeaves) {
  const testing::TempDir directory;
  const std::string errors = directory.File("errors");
  const std::string command = std::string("bash -c '") + UPROBECTL_PATH + " --address " +
                              daemon_.address() + " spans 2>" + errors +
                              " | head -1 >/dev/null; exit ${PIPESTATUS[0]}'";
  const int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(std::filesystem::file_size(errors), 0U);
}

TEST_F(ProcessTest, SaysThatTheDiskIsFull) {
  const testing::TempDir directory;
  const std::string errors = directory.File("errors");
  const std::string command = std::string(UPROBECTL_PATH) + " --address " + daemon_.address() +
                              " spans >/dev/full 2>" + errors;
  const int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  std::ifstream stream(errors);
  std::string line;
  std::getline(stream, line);
  EXPECT_EQ(line, "error: the output cannot be written: No space left on device");
}

}  // namespace
}  // namespace uprobed::client
