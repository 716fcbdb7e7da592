#ifndef UPROBED_CLIENT_SESSION_H_
#define UPROBED_CLIENT_SESSION_H_

#include <chrono>
#include <functional>
#include <string_view>

#include "client/connection.h"
#include "client/exit_code.h"
#include "client/interrupt.h"
#include "client/terminal.h"
#include "google/protobuf/message.h"

namespace uprobed::client {

enum class OutputFormat { kDefault, kTable, kTree, kJson, kDot, kMermaid };

// All that a command runs with. Thread: main only.
class Session {
 public:
  Session(Connection& connection, Terminal& terminal, OutputFormat format, Interrupt& interrupt,
          std::chrono::system_clock::time_point now)
      : connection_(connection),
        terminal_(terminal),
        format_(format),
        interrupt_(interrupt),
        now_(now) {}

  Connection& connection() { return connection_; }
  Terminal& terminal() { return terminal_; }
  bool json() const { return format_ == OutputFormat::kJson; }
  OutputFormat format() const { return format_; }
  // When the command began; ages are counted from here.
  std::chrono::system_clock::time_point now() const { return now_; }
  // Whether a stream still has somebody to print for.
  bool listening() const {
    return interrupt_.cause() == Interrupt::Cause::kNone && terminal_.write_errno() == 0;
  }

  // Prints `message` as one line of protobuf JSON.
  void PrintJson(const google::protobuf::Message& message);
  // Prints "warning: ..." to stderr, as JSON where that is asked for. Escapes `message`.
  void Warn(std::string_view message);
  // Prints the error, unless it is only that the command was interrupted, and returns its exit
  // code.
  ExitCode Fail(const grpc::Status& status);
  // The exit code of a stream that ended with `status`; prints the error.
  ExitCode EndStream(const grpc::Status& status);

 private:
  Connection& connection_;
  Terminal& terminal_;
  OutputFormat format_;
  Interrupt& interrupt_;
  std::chrono::system_clock::time_point now_;
};

using Command = std::function<ExitCode(Session&)>;

// Prints `status` to stderr and returns its exit code.
ExitCode ReportFailure(Terminal& terminal, bool json, const grpc::Status& status);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_SESSION_H_
