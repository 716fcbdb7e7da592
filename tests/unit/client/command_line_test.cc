#include "client/command_line.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <future>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/fake_daemon.h"

namespace uprobed::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

CommandResult RunWithout(const std::string& address, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--address", address});
  return RunCommand(arguments);
}

// A socket file on which nobody listens.
std::string LeaveSocketFile(const testing::TempDir& directory) {
  const std::string path = directory.File("dead");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(descriptor);
  return path;
}

TEST(CommandLine, EndsWithTheExitCodeOfEachCanonicalCode) {
  FakeDaemon daemon;
  const std::map<grpc::StatusCode, int> expected = {{grpc::StatusCode::CANCELLED, 1},
                                                    {grpc::StatusCode::UNKNOWN, 1},
                                                    {grpc::StatusCode::INVALID_ARGUMENT, 2},
                                                    {grpc::StatusCode::DEADLINE_EXCEEDED, 9},
                                                    {grpc::StatusCode::NOT_FOUND, 5},
                                                    {grpc::StatusCode::ALREADY_EXISTS, 6},
                                                    {grpc::StatusCode::PERMISSION_DENIED, 8},
                                                    {grpc::StatusCode::UNAUTHENTICATED, 8},
                                                    {grpc::StatusCode::RESOURCE_EXHAUSTED, 4},
                                                    {grpc::StatusCode::FAILED_PRECONDITION, 7},
                                                    {grpc::StatusCode::ABORTED, 7},
                                                    {grpc::StatusCode::OUT_OF_RANGE, 2},
                                                    {grpc::StatusCode::UNIMPLEMENTED, 7},
                                                    {grpc::StatusCode::INTERNAL, 1},
                                                    {grpc::StatusCode::UNAVAILABLE, 4},
                                                    {grpc::StatusCode::DATA_LOSS, 1}};
  for (const auto& [code, exit_code] : expected) {
    daemon.script.status = DaemonError(code, "STABLE_REASON", "what happened");
    const CommandResult result = RunCommand(daemon, {"probe", "describe", "shop"});
    EXPECT_EQ(result.exit_code, exit_code) << code;
    EXPECT_THAT(result.err, AllOf(HasSubstr("error: what happened\n"),
                                  HasSubstr("reason: STABLE_REASON\n"), HasSubstr("try: ")));
    EXPECT_EQ(result.out, "");
  }
}

TEST(CommandLine, PrintsErrorsAsJsonWhereAsked) {
  FakeDaemon daemon;
  daemon.script.status = DaemonError(grpc::StatusCode::NOT_FOUND, "PROBE_NOT_FOUND", "no \"x\"");
  const CommandResult result = RunCommand(daemon, {"probe", "describe", "x", "-o", "json"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_TRUE(IsJsonObject(result.err)) << result.err;
  EXPECT_EQ(Lines(result.err).size(), 1U);
}

TEST(CommandLine, SaysWhichAddressWasTriedAndHowToStartTheDaemon) {
  const testing::TempDir directory;
  const CommandResult result = RunWithout("unix:" + directory.File("none"), {"probes"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr(directory.File("none")), HasSubstr("reason: DAEMON_NOT_RUNNING\n"),
                    HasSubstr("systemctl start uprobed"), HasSubstr("--address")));
}

TEST(CommandLine, TellsASocketWithoutADaemonFromNone) {
  const testing::TempDir directory;
  const CommandResult result = RunWithout(LeaveSocketFile(directory), {"probes"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("reason: DAEMON_NOT_LISTENING\n"));
}

TEST(CommandLine, GivesUpAfterTheTimeout) {
  FakeDaemon daemon;
  std::promise<void> client_ended;
  daemon.script.before_answer = [&] { client_ended.get_future().wait(); };
  const CommandResult result =
      RunCommand(daemon, {"probe", "describe", "shop", "--timeout", "50ms"});
  client_ended.set_value();
  EXPECT_EQ(result.exit_code, 9);
  EXPECT_THAT(result.err, HasSubstr("--timeout 1m"));
}

TEST(CommandLine, TakesTheAddressFromFlagThenEnvironment) {
  FakeDaemon daemon;
  CommandOptions options;
  options.environment = {{"UPROBED_ADDRESS", daemon.address()}};
  EXPECT_EQ(RunCommand({"probes"}, options).exit_code, 0);
  options.environment = {{"UPROBED_ADDRESS", "unix:/nonexistent/socket"}};
  EXPECT_EQ(RunCommand({"probes"}, options).exit_code, 4);
  EXPECT_EQ(RunCommand(daemon, {"probes"}, options).exit_code, 0);
  options.environment = {{"UPROBED_ADDRESS", ""}};
  EXPECT_THAT(RunCommand({"--help"}, options).out, HasSubstr("unix:/run/uprobed/uprobed.sock"));
}

TEST(CommandLine, RefusesWrongUsage) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"explode"},
      {"detach"},
      {"probe"},
      {"probe", "describe"},
      {"detach", "shop", "extra"},
      {"probes", "--no-such-option"},
      {"probes", "-o", "yaml"},
      {"probes", "-o", "dot"},
      {"probes", "--timeout", "10"},
      {"probes", "--address", "nowhere"},
      {"attach"},
      {"attach", "--pid", "0"},
      {"attach", "--pid", "99999999999"},
      {"attach", "/bin/shop", "--pid", "1"},
      {"attach", "/bin/shop", "--label", "team"},
      {"attach", "/bin/shop", "--instrumentation", "grpc"},
      {"detach", "a/b"},
      {"spans", "--limit", "-1"},
      {"metrics", "--watch", "soon"},
      {"audit", "--limit", "0"},
      {"profile", "show", "not-hexadecimal"},
      {"completion", "tcsh"},
  };
  for (const std::vector<std::string>& arguments : wrong) {
    const CommandResult result = RunWithout("unix:/nonexistent/socket", arguments);
    const std::string shown = ::testing::PrintToString(arguments);
    EXPECT_EQ(result.exit_code, 2) << shown << result.err;
    EXPECT_EQ(result.err.rfind("error: ", 0), 0U) << shown;
    EXPECT_THAT(result.err, HasSubstr("\ntry: ")) << shown;
    EXPECT_EQ(result.out, "") << shown;
  }
}

TEST(CommandLine, EscapesWhatItQuotesOfAWrongCommandLine) {
  const CommandResult result = RunCommand({"explode\x1b[2J"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, AllOf(Not(HasSubstr("\x1b")), HasSubstr("explode\\x1b[2J")));
}

TEST(CommandLine, NamesTheCommandThatItDoesNotKnow) {
  EXPECT_THAT(RunCommand({"explode"}).err, HasSubstr("explode"));
  EXPECT_THAT(RunCommand({"probe", "explode"}).err, HasSubstr("explode"));
  EXPECT_THAT(RunCommand({"probe"}).err, HasSubstr("no command is named"));
}

TEST(CommandLine, PrintsUsageErrorsAsJsonWhereAsked) {
  for (const auto& format : std::vector<std::vector<std::string>>{
           {"-o", "json"}, {"-ojson"}, {"--output=json"}, {"--output", "json"}}) {
    std::vector<std::string> arguments = {"detach"};
    arguments.insert(arguments.end(), format.begin(), format.end());
    EXPECT_TRUE(IsJsonObject(RunCommand(arguments).err)) << RunCommand(arguments).err;
  }
}

TEST(CommandLine, DocumentsExitCodesAndEveryOption) {
  const CommandResult help = RunCommand({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("Exit codes:"), HasSubstr("130  interrupted"),
                              HasSubstr("UPROBED_ADDRESS")));
  const CommandResult all = RunCommand({"--help-all"});
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_THAT(all.out, AllOf(HasSubstr("Exit codes:"), HasSubstr("--wait-for-binary"),
                             HasSubstr("--queue-capacity")));
  const CommandResult nested = RunCommand({"profile", "import", "--help"});
  EXPECT_EQ(nested.exit_code, 0);
  EXPECT_THAT(nested.out, HasSubstr("--verify"));
}

TEST(CommandLine, TellsItsVersionWithoutADaemon) {
  const CommandResult result = RunCommand({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("uprobectl "));
}

TEST(CommandLine, FailsWhereTheOutputCannotBeWritten) {
  FakeDaemon daemon;
  daemon.script.probe.set_name("probes/shop");
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  out.setstate(std::ios::badbit);
  Interrupt interrupt;
  const ExitCode exit_code =
      RunCommandLine({"--address", daemon.address(), "probe", "describe", "shop"},
                     Streams{in, out, err}, {}, interrupt);
  EXPECT_EQ(exit_code, ExitCode::kInternal);
  EXPECT_THAT(err.str(), HasSubstr("reason: OUTPUT_FAILED"));
}

TEST(CommandLine, ShowsNoColoursWithNoColor) {
  FakeDaemon daemon;
  daemon.script.probe.set_name("probes/shop");
  daemon.script.probe.mutable_status()->set_state(v1::Probe::STATE_ACTIVE);
  CommandOptions options;
  options.out_is_terminal = true;
  const std::vector<std::string> command = {"probe", "describe", "shop"};
  EXPECT_THAT(RunCommand(daemon, command, options).out, HasSubstr("\x1b[32mACTIVE"));
  EXPECT_THAT(RunCommand(daemon, {"probe", "describe", "shop", "--no-color"}, options).out,
              Not(HasSubstr("\x1b")));
  options.environment["NO_COLOR"] = "1";
  EXPECT_THAT(RunCommand(daemon, command, options).out, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace uprobed::client
