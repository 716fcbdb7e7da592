#ifndef UPROBED_CLIENT_TARGET_H_
#define UPROBED_CLIENT_TARGET_H_

#include <cstdint>
#include <string>

#include "CLI/App.hpp"
#include "absl/status/status.h"
#include "client/parse.h"

namespace uprobed::client {

// "PATH|--pid N", the program that a command is about.
struct TargetOptions {
  std::string path;
  int32_t pid = 0;  // 0: not given
};

// Adds PATH and --pid to `command`. `target` outlives it.
void AddTargetOptions(CLI::App& command, TargetOptions& target);

// INVALID_ARGUMENT unless exactly one of the two is given.
absl::Status CheckTarget(const TargetOptions& target);

// Puts the target into a message with the fields binary_path and pid.
template <class Message>
absl::Status SetTarget(const TargetOptions& target, Message* message) {
  if (absl::Status status = CheckTarget(target); !status.ok()) return status;
  if (target.path.empty()) {
    message->set_pid(target.pid);
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> path = AbsolutePath(target.path);
  if (!path.ok()) return path.status();
  message->set_binary_path(*path);
  return absl::OkStatus();
}

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_TARGET_H_
