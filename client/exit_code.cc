#include "client/exit_code.h"

#include <array>

#include "fmt/format.h"

namespace uprobed::client {
namespace {

struct CodeEntry {
  grpc::StatusCode code;
  const char* name;
  ExitCode exit_code;
};

constexpr std::array kCodes = {
    CodeEntry{grpc::StatusCode::OK, "OK", ExitCode::kOk},
    CodeEntry{grpc::StatusCode::CANCELLED, "CANCELLED", ExitCode::kInternal},
    CodeEntry{grpc::StatusCode::UNKNOWN, "UNKNOWN", ExitCode::kInternal},
    CodeEntry{grpc::StatusCode::INVALID_ARGUMENT, "INVALID_ARGUMENT", ExitCode::kUsage},
    CodeEntry{grpc::StatusCode::DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", ExitCode::kTimeout},
    CodeEntry{grpc::StatusCode::NOT_FOUND, "NOT_FOUND", ExitCode::kNotFound},
    CodeEntry{grpc::StatusCode::ALREADY_EXISTS, "ALREADY_EXISTS", ExitCode::kAlreadyExists},
    CodeEntry{grpc::StatusCode::PERMISSION_DENIED, "PERMISSION_DENIED", ExitCode::kPermission},
    CodeEntry{grpc::StatusCode::UNAUTHENTICATED, "UNAUTHENTICATED", ExitCode::kPermission},
    CodeEntry{grpc::StatusCode::RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED", ExitCode::kUnavailable},
    CodeEntry{grpc::StatusCode::FAILED_PRECONDITION, "FAILED_PRECONDITION",
              ExitCode::kPrecondition},
    CodeEntry{grpc::StatusCode::ABORTED, "ABORTED", ExitCode::kPrecondition},
    CodeEntry{grpc::StatusCode::OUT_OF_RANGE, "OUT_OF_RANGE", ExitCode::kUsage},
    CodeEntry{grpc::StatusCode::UNIMPLEMENTED, "UNIMPLEMENTED", ExitCode::kPrecondition},
    CodeEntry{grpc::StatusCode::INTERNAL, "INTERNAL", ExitCode::kInternal},
    CodeEntry{grpc::StatusCode::UNAVAILABLE, "UNAVAILABLE", ExitCode::kUnavailable},
    CodeEntry{grpc::StatusCode::DATA_LOSS, "DATA_LOSS", ExitCode::kInternal},
};

struct ExitCodeEntry {
  ExitCode exit_code;
  const char* meaning;
};

constexpr std::array kExitCodes = {
    ExitCodeEntry{ExitCode::kOk, "done"},
    ExitCodeEntry{ExitCode::kInternal, "internal error, here or in the daemon"},
    ExitCodeEntry{ExitCode::kUsage, "wrong usage, or an argument that the daemon refused"},
    ExitCodeEntry{ExitCode::kDegraded, "it works in part: degraded, not ready, a failed check"},
    ExitCodeEntry{ExitCode::kUnavailable, "the daemon is not there, or is full"},
    ExitCodeEntry{ExitCode::kNotFound, "no such probe, profile, file or process"},
    ExitCodeEntry{ExitCode::kAlreadyExists, "the name is taken"},
    ExitCodeEntry{ExitCode::kPrecondition,
                  "the binary or the kernel does not allow it, or a mismatch"},
    ExitCodeEntry{ExitCode::kPermission, "permission denied"},
    ExitCodeEntry{ExitCode::kTimeout, "no answer in time"},
    ExitCodeEntry{ExitCode::kInterrupted, "interrupted"},
};

}  // namespace

ExitCode ExitCodeOf(grpc::StatusCode code) {
  for (const CodeEntry& entry : kCodes) {
    if (entry.code == code) return entry.exit_code;
  }
  return ExitCode::kInternal;
}

grpc::StatusCode ToStatusCode(int code) {
  for (const CodeEntry& entry : kCodes) {
    if (static_cast<int>(entry.code) == code) return entry.code;
  }
  return grpc::StatusCode::UNKNOWN;
}

std::string CodeName(grpc::StatusCode code) {
  for (const CodeEntry& entry : kCodes) {
    if (entry.code == code) return entry.name;
  }
  return "UNKNOWN";
}

std::string DescribeExitCodes() {
  std::string text = "Exit codes:\n";
  for (const ExitCodeEntry& entry : kExitCodes) {
    text += fmt::format("  {:>3}  {}\n", static_cast<int>(entry.exit_code), entry.meaning);
  }
  return text;
}

}  // namespace uprobed::client
