#ifndef UPROBED_CLIENT_INPUT_FILE_H_
#define UPROBED_CLIENT_INPUT_FILE_H_

#include <istream>
#include <string>

#include "grpcpp/support/status.h"

namespace uprobed::client {

// Appends all of a file to `text`. More than 64 MiB is refused: INVALID_ARGUMENT INPUT_MALFORMED;
// else NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT (a directory) INPUT_UNREADABLE.
grpc::Status ReadFile(const std::string& path, std::string* text);
// The same from an open stream, called `name` in errors.
grpc::Status ReadAll(std::istream& input, const std::string& name, std::string* text);

// NOT_FOUND, PERMISSION_DENIED or INTERNAL.
grpc::StatusCode CodeOfErrno(int error_number);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_INPUT_FILE_H_
