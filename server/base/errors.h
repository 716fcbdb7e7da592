#ifndef UPROBED_SERVER_BASE_ERRORS_H_
#define UPROBED_SERVER_BASE_ERRORS_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace uprobed {

// The error contract. A failure is an absl::Status with the canonical code that tells a program
// what to do, a stable reason (UPPER_SNAKE_CASE, what google.rpc.ErrorInfo carries on the wire) and
// a sentence that tells a person what to do next. Reasons are API: they are never renamed.

// Returns an error with `code`, `reason` and `message`. `metadata` names what the error is about
// (for example {"path", "/bin/true"}) and travels in ErrorInfo.metadata.
absl::Status MakeError(absl::StatusCode code, std::string_view reason, std::string_view message,
                       const std::map<std::string, std::string>& metadata = {});

// As MakeError, from a system call's errno: the code follows the errno, the message ends in its
// description. `error_number` is passed because errno changes with the next call.
absl::Status MakeErrnoError(int error_number, std::string_view reason, std::string_view message);

// The stable reason of `status`; "INTERNAL" where the error was made without one.
std::string ReasonOf(const absl::Status& status);

// The metadata given to MakeError; empty where there is none.
std::map<std::string, std::string> MetadataOf(const absl::Status& status);

// The sentence of `status`, as a string of our own.
std::string MessageOf(const absl::Status& status);

// `status` with "context: " before its message; code, reason and metadata stay.
absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace uprobed

// Both return early from a function that returns absl::Status or absl::StatusOr<T>.
#define RETURN_IF_ERROR(expression)                                           \
  do {                                                                        \
    if (absl::Status uprobed_status_ = (expression); !uprobed_status_.ok()) { \
      return uprobed_status_;                                                 \
    }                                                                         \
  } while (false)

#define UPROBED_CONCAT_INNER(a, b) a##b
#define UPROBED_CONCAT(a, b) UPROBED_CONCAT_INNER(a, b)
// NOLINTBEGIN(bugprone-macro-parentheses): the target is a declaration.
#define UPROBED_ASSIGN_OR_RETURN(result, target, expression) \
  auto result = (expression);                                \
  if (!result.ok()) return std::move(result).status();       \
  target = *std::move(result)
#define ASSIGN_OR_RETURN(target, expression) \
  UPROBED_ASSIGN_OR_RETURN(UPROBED_CONCAT(uprobed_result_, __LINE__), target, expression)
// NOLINTEND(bugprone-macro-parentheses)

#endif  // UPROBED_SERVER_BASE_ERRORS_H_
