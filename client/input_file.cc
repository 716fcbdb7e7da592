#include "client/input_file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "client/failure.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

// What one message to the daemon can carry.
constexpr size_t kMaxFileBytes = 64UL * 1024 * 1024;

}  // namespace

grpc::StatusCode CodeOfErrno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return grpc::StatusCode::NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
      return grpc::StatusCode::PERMISSION_DENIED;
    default:
      return grpc::StatusCode::INTERNAL;
  }
}

grpc::Status ReadAll(std::istream& input, const std::string& name, std::string* text) {
  char buffer[64 * 1024];
  while (input.read(buffer, sizeof(buffer)) || input.gcount() > 0) {
    text->append(buffer, static_cast<size_t>(input.gcount()));
    if (text->size() > kMaxFileBytes) {
      return MakeFailure(grpc::StatusCode::INVALID_ARGUMENT, "INPUT_MALFORMED",
                         fmt::format("{} is larger than 64 MiB", name));
    }
  }
  if (!input.bad()) return grpc::Status::OK;
  return MakeFailure(grpc::StatusCode::INTERNAL, "INPUT_UNREADABLE",
                     fmt::format("{} cannot be read to its end", name));
}

grpc::Status ReadFile(const std::string& path, std::string* text) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return MakeFailure(grpc::StatusCode::INVALID_ARGUMENT, "INPUT_UNREADABLE",
                       fmt::format("{} is a directory", path));
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const int error_number = errno;
    return MakeFailure(CodeOfErrno(error_number), "INPUT_UNREADABLE",
                       fmt::format("{} cannot be opened: {}", path,
                                   std::generic_category().message(error_number)));
  }
  return ReadAll(file, path, text);
}

}  // namespace uprobed::client
