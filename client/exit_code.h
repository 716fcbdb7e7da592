#ifndef UPROBED_CLIENT_EXIT_CODE_H_
#define UPROBED_CLIENT_EXIT_CODE_H_

#include <string>

#include "grpcpp/support/status_code_enum.h"

namespace uprobed::client {

// What uprobectl exits with. API: scripts depend on the numbers, which are never changed.
enum class ExitCode : int {
  kOk = 0,
  kInternal = 1,
  kUsage = 2,
  kDegraded = 3,
  kUnavailable = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPrecondition = 7,
  kPermission = 8,
  kTimeout = 9,
  kInterrupted = 130,
};

// The exit code for a call that ended with `code`.
ExitCode ExitCodeOf(grpc::StatusCode code);

// `code` as a message carries it; UNKNOWN where gRPC has no such code.
grpc::StatusCode ToStatusCode(int code);

// The name that gRPC gives to `code`: "NOT_FOUND".
std::string CodeName(grpc::StatusCode code);

// The table of exit codes for --help, one a line.
std::string DescribeExitCodes();

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_EXIT_CODE_H_
