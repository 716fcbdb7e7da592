#ifndef UPROBED_CLIENT_FAILURE_H_
#define UPROBED_CLIENT_FAILURE_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace uprobed::client {

// A failed command as it is shown. Every part comes from outside and is not escaped.
struct Failure {
  grpc::StatusCode code = grpc::StatusCode::UNKNOWN;
  std::string message;
  std::string reason;                           // google.rpc.ErrorInfo: "PROBE_NOT_FOUND"
  std::map<std::string, std::string> metadata;  // google.rpc.ErrorInfo
  std::vector<std::string> violations;          // google.rpc.BadRequest: "field: what is wrong"
  std::string advice;                           // what to do next; never empty
};

// Makes an error of our own, of the same shape as those of the daemon.
grpc::Status MakeFailure(grpc::StatusCode code, std::string_view reason, std::string_view message);

// The error of `status`, which is not OK, as the wire carries it. The message begins with `context`
// where there is one: "--timeout: ...".
grpc::Status FromAbsl(const absl::Status& status, std::string_view context = {});

// Reads google.rpc.Status out of `status`, and finds out what to do next.
Failure ReadFailure(const grpc::Status& status);

// The stable reason in `status`; empty where it has none.
std::string ReasonOf(const grpc::Status& status);

// "error: ...", "reason: ...", "try: ...", escaped, without the last line break. `error_label` is
// "error:" in its colour.
std::string FormatFailure(const Failure& failure, std::string_view error_label);
// One JSON object on one line: {"error":{...}}.
std::string FormatFailureJson(const Failure& failure);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_FAILURE_H_
