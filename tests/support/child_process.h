#ifndef UPROBED_TESTS_SUPPORT_CHILD_PROCESS_H_
#define UPROBED_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace uprobed::testing {

// A program started by a test, whose standard output the test reads. Killed and reaped when the
// object goes.
class ChildProcess {
 public:
  static std::optional<ChildProcess> Start(const std::vector<std::string>& command) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t pid = -1;
    const int error =
        posix_spawn(&pid, command[0].c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE* output = fdopen(ends[0], "r");
    if (error != 0) {
      fclose(output);
      return std::nullopt;
    }
    return ChildProcess(pid, output);
  }

  ChildProcess(ChildProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), output_(std::exchange(other.output_, nullptr)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(output_, other.output_);
    return *this;
  }
  ~ChildProcess() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    if (output_ != nullptr) fclose(output_);
  }

  pid_t pid() const { return pid_; }

  // One line without its end; empty at the end of the output.
  std::string ReadLine() {
    std::string line;
    for (int c = fgetc(output_); c != EOF && c != '\n'; c = fgetc(output_)) {
      line.push_back(static_cast<char>(c));
    }
    return line;
  }

  // Waits for the program to end by itself; its exit code, or -1 where a signal ended it.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  ChildProcess(pid_t pid, FILE* output) : pid_(pid), output_(output) {}
  pid_t pid_;
  FILE* output_;
};

// Starts a `hello` target on a free port; its address is in `address`.
struct RunningTarget {
  ChildProcess process;
  std::string address;  // "127.0.0.1:41234"

  static std::optional<RunningTarget> Start(const std::string& path, bool tls = false) {
    std::vector<std::string> command = {path, "-addr", "127.0.0.1:0"};
    if (tls) command.push_back("-tls");
    std::optional<ChildProcess> process = ChildProcess::Start(command);
    if (!process.has_value()) return std::nullopt;
    const std::string greeting = "listening on ";
    const std::string line = process->ReadLine();
    if (!line.starts_with(greeting)) return std::nullopt;
    return RunningTarget{std::move(*process), line.substr(greeting.size())};
  }

  // Whether somebody is connected: the program then has one socket more than the one it listens on.
  bool HasConnection() const {
    int sockets = 0;
    std::error_code error;
    const std::string descriptors = "/proc/" + std::to_string(process.pid()) + "/fd";
    for (const auto& entry : std::filesystem::directory_iterator(descriptors, error)) {
      const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
      if (target.starts_with("socket:")) ++sockets;
    }
    return sockets > 1;
  }
};

}  // namespace uprobed::testing

#endif  // UPROBED_TESTS_SUPPORT_CHILD_PROCESS_H_
