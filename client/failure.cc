#include "client/failure.h"

#include "client/advice.h"
#include "client/escape.h"
#include "client/exit_code.h"
#include "fmt/format.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace uprobed::client {
namespace {

constexpr const char* kDomain = "uprobed.v1";
constexpr const char* kTypePrefix = "type.googleapis.com";

}  // namespace

grpc::Status MakeFailure(grpc::StatusCode code, std::string_view reason, std::string_view message) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(kDomain);
  google::rpc::Status details;
  details.set_code(static_cast<int>(code));
  details.set_message(std::string(message));
  details.add_details()->PackFrom(info, kTypePrefix);
  return {code, std::string(message), details.SerializeAsString()};
}

grpc::Status FromAbsl(const absl::Status& status, std::string_view context) {
  const std::string message(status.message());
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string text = context.empty() ? message : fmt::format("{}: {}", context, message);
  return MakeFailure(code, code == grpc::StatusCode::INVALID_ARGUMENT ? "USAGE" : "LOCAL", text);
}

Failure ReadFailure(const grpc::Status& status) {
  Failure failure;
  failure.code = status.error_code();
  failure.message = status.error_message();
  google::rpc::Status details;
  // Details that do not parse are those of another program: code and message still say enough.
  if (details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& detail : details.details()) {
      google::rpc::ErrorInfo info;
      google::rpc::BadRequest request;
      if (detail.UnpackTo(&info)) {
        failure.reason = info.reason();
        failure.metadata = {info.metadata().begin(), info.metadata().end()};
      } else if (detail.UnpackTo(&request)) {
        for (const auto& violation : request.field_violations()) {
          // Mostly the one sentence is said at both places.
          if (violation.description() == failure.message) continue;
          failure.violations.push_back(
              fmt::format("{}: {}", violation.field(), violation.description()));
        }
      }
    }
  }
  if (failure.message.empty()) failure.message = CodeName(failure.code);
  failure.advice = AdviceFor(failure.code, failure.reason);
  return failure;
}

std::string ReasonOf(const grpc::Status& status) { return ReadFailure(status).reason; }

std::string FormatFailure(const Failure& failure, std::string_view error_label) {
  std::string text = fmt::format("{} {}", error_label, EscapeUntrusted(failure.message));
  for (const std::string& violation : failure.violations) {
    text += fmt::format("\nfield: {}", EscapeUntrusted(violation));
  }
  text += fmt::format("\nreason: {}", failure.reason.empty() ? CodeName(failure.code)
                                                             : EscapeUntrusted(failure.reason));
  return text + fmt::format("\ntry: {}", EscapeUntrusted(failure.advice));
}

std::string FormatFailureJson(const Failure& failure) {
  std::string metadata;
  for (const auto& [key, value] : failure.metadata) {
    metadata +=
        fmt::format("{}{}:{}", metadata.empty() ? "" : ",", QuoteJson(key), QuoteJson(value));
  }
  std::string violations;
  for (const std::string& violation : failure.violations) {
    violations += fmt::format("{}{}", violations.empty() ? "" : ",", QuoteJson(violation));
  }
  return fmt::format(
      R"({{"error":{{"code":{},"reason":{},"message":{},"metadata":{{{}}},"fieldViolations":[{}],)"
      R"("try":{}}}}})",
      QuoteJson(CodeName(failure.code)), QuoteJson(failure.reason), QuoteJson(failure.message),
      metadata, violations, QuoteJson(failure.advice));
}

}  // namespace uprobed::client
