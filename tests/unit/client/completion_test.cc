#include "client/completion.h"

#include <array>
#include <cstdio>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/fake_daemon.h"

namespace uprobed::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Script(const std::string& shell) {
  const CommandResult result = RunCommand({"completion", shell});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

struct ShellResult {
  int exit_code = -1;
  std::string out;
};

// Runs `command` by sh and reads what it prints.
ShellResult RunShell(const std::string& command) {
  ShellResult result;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4096> buffer{};
  for (size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    result.out.append(buffer.data(), n);
  }
  result.exit_code = pclose(pipe);
  return result;
}

// What bash offers after `words`, which end in the word to be completed.
std::string Complete(const std::vector<std::string>& words) {
  const testing::TempDir directory;
  std::string line;
  for (const std::string& word : words) line += " '" + word + "'";
  const std::string script =
      directory.Write("run", Script("bash") + "COMP_WORDS=(uprobectl" + line +
                                 ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_uprobectl\n"
                                 "printf '%s\\n' \"${COMPREPLY[@]}\"\n");
  return RunShell("bash " + script).out;
}

TEST(Completion, ForBashParses) {
  const testing::TempDir directory;
  EXPECT_EQ(RunShell("bash -n " + directory.Write("s", Script("bash"))).exit_code, 0);
}

class CompletionForShell : public ::testing::TestWithParam<std::string> {};

TEST_P(CompletionForShell, Parses) {
  if (RunShell("command -v " + GetParam()).exit_code != 0) {
    GTEST_SKIP() << GetParam() << " is not installed";
  }
  const testing::TempDir directory;
  const std::string script = directory.Write("script", Script(GetParam()));

  EXPECT_EQ(RunShell(GetParam() + " -n " + script + " 2>&1").exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(Completion, CompletionForShell, ::testing::Values("zsh", "fish"));

TEST(Completion, OffersCommandsOptionsAndValues) {
  EXPECT_EQ(Complete({"att"}), "attach\n");
  EXPECT_THAT(Complete({""}), AllOf(HasSubstr("probes\n"), HasSubstr("completion\n")));
  EXPECT_THAT(Complete({"profile", ""}), AllOf(HasSubstr("verify\n"), Not(HasSubstr("attach"))));
  EXPECT_EQ(Complete({"profile", "import", "--veri"}), "--verify\n");
  EXPECT_EQ(Complete({"spans", "--add"}), "--address\n");
  EXPECT_EQ(Complete({"topology", "-o", "d"}), "dot\n");
  EXPECT_EQ(Complete({"topology", "-o", "m"}), "mermaid\n");
  EXPECT_EQ(Complete({"completion", "z"}), "zsh\n");
}

TEST(Completion, OfAnOptionsValueIsLeftToTheShell) {
  EXPECT_EQ(Complete({"profile", "export", "--file", ""}), "\n");
}

TEST(Completion, KnowsEveryCommandInEachShell) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const std::string script = Script(shell);
    for (const char* command : {"attach", "detach", "probes", "describe", "watch", "spans",
                                "metrics", "topology", "resolve", "import", "doctor", "audit"}) {
      EXPECT_THAT(script, HasSubstr(command)) << shell;
    }
  }
}

}  // namespace
}  // namespace uprobed::client
