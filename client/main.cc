#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "client/command_line.h"
#include "client/escape.h"
#include "client/signal_watch.h"

namespace uprobed::client {
namespace {

Environment ReadEnvironment() {
  Environment environment;
  for (const char* name : {"UPROBED_ADDRESS", "NO_COLOR", "TERM"}) {
    if (const char* value = std::getenv(name); value != nullptr) environment[name] = value;
  }
  return environment;
}

int Main(int argc, char** argv) {
  // A reader that goes away is seen as a failed write.
  std::signal(SIGPIPE, SIG_IGN);
  // gRPC's own log would come between our lines; what matters is in the status.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  Interrupt interrupt;
  const SignalWatch signal_watch(interrupt, STDOUT_FILENO);
  const Streams streams{std::cin, std::cout, std::cerr, isatty(STDOUT_FILENO) == 1,
                        isatty(STDERR_FILENO) == 1};
  return static_cast<int>(RunCommandLine(std::vector<std::string>(argv + 1, argv + argc), streams,
                                         ReadEnvironment(), interrupt));
}

}  // namespace
}  // namespace uprobed::client

int main(int argc, char** argv) {
  try {
    return uprobed::client::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "error: " << uprobed::client::EscapeUntrusted(error.what())
              << "\nreason: INTERNAL\ntry: the command again, and report it\n";
    return static_cast<int>(uprobed::client::ExitCode::kInternal);
  }
}
