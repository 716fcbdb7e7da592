#include "client/session.h"

#include <string>

#include "client/escape.h"
#include "client/failure.h"
#include "client/render_json.h"
#include "fmt/format.h"

namespace uprobed::client {

void Session::PrintJson(const google::protobuf::Message& message) {
  terminal_.Line(ToJsonLine(message));
}

void Session::Warn(std::string_view message) {
  if (json()) {
    terminal_.ErrorLine(fmt::format(R"({{"warning":{{"message":{}}}}})", QuoteJson(message)));
    return;
  }
  terminal_.ErrorLine(fmt::format("{} {}", terminal_.PaintError(Colour::kYellow, "warning:"),
                                  EscapeUntrusted(message)));
}

ExitCode Session::Fail(const grpc::Status& status) {
  if (status.error_code() == grpc::StatusCode::CANCELLED) {
    if (interrupt_.cause() == Interrupt::Cause::kSignal) return ExitCode::kInterrupted;
    if (interrupt_.cause() == Interrupt::Cause::kOutputClosed) return ExitCode::kOk;
  }
  return ReportFailure(terminal_, json(), status);
}

ExitCode Session::EndStream(const grpc::Status& status) {
  if (!status.ok()) return Fail(status);
  // The loop may notice the signal before the call is cancelled.
  return interrupt_.cause() == Interrupt::Cause::kSignal ? ExitCode::kInterrupted : ExitCode::kOk;
}

ExitCode ReportFailure(Terminal& terminal, bool json, const grpc::Status& status) {
  const Failure failure = ReadFailure(status);
  terminal.ErrorLine(json ? FormatFailureJson(failure)
                          : FormatFailure(failure, terminal.PaintError(Colour::kRed, "error:")));
  return ExitCodeOf(failure.code);
}

}  // namespace uprobed::client
