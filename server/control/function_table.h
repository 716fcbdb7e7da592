#ifndef UPROBED_SERVER_CONTROL_FUNCTION_TABLE_H_
#define UPROBED_SERVER_CONTROL_FUNCTION_TABLE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/control/attachment_set.h"
#include "server/profile/profile.h"
#include "server/span/function_names.h"

namespace uprobed::control {

// The functions of the open binary `fd`, which must have the content of `identity`: an address
// means something in that binary only. FAILED_PRECONDITION HANDLER_FUNCTION_UNAVAILABLE where it
// has another content by now, or its table of functions cannot be read.
absl::StatusOr<std::shared_ptr<const span::FunctionNames>> ReadFunctionTable(
    int fd, const profile::BinaryIdentity& identity);

// Reads those of a binary that is about to be attached, or why that cannot be; only where they are
// asked for, for they take as much memory as the names of all functions.
void ReadFunctions(AttachedBinary& binary);

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_FUNCTION_TABLE_H_
