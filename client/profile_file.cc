#include "client/profile_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "client/failure.h"
#include "client/input_file.h"
#include "client/render_json.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

grpc::Status WriteFailure(const std::string& path, int error_number) {
  return MakeFailure(
      CodeOfErrno(error_number), "OUTPUT_FAILED",
      fmt::format("{} cannot be written: {}", path, std::generic_category().message(error_number)));
}

// 0, or the errno of what failed.
int WriteAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

int WriteInto(const std::string& path, std::string_view text) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  const int error_number = WriteAll(descriptor, text);
  if (close(descriptor) != 0 && error_number == 0) return errno;
  return error_number;
}

// Writes a file beside `path`, so that renaming stays within one file system, and renames it.
int ReplaceFile(const std::string& path, std::string_view text) {
  std::error_code error;
  // A symbolic link stays one: what it leads to is replaced.
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
  const std::string target = error ? path : real.string();
  std::string temporary = target + ".XXXXXX";
  const int descriptor = mkostemp(temporary.data(), O_CLOEXEC);
  if (descriptor < 0) return errno;
  int error_number = WriteAll(descriptor, text);
  if (error_number == 0 && fsync(descriptor) != 0) error_number = errno;
  // mkostemp lets nobody else read it, but a profile is no secret.
  if (error_number == 0 && fchmod(descriptor, 0644) != 0) error_number = errno;
  if (close(descriptor) != 0 && error_number == 0) error_number = errno;
  if (error_number == 0 && rename(temporary.c_str(), target.c_str()) != 0) error_number = errno;
  if (error_number != 0) unlink(temporary.c_str());
  return error_number;
}

}  // namespace

grpc::Status ReadProfiles(const std::string& path, std::istream& standard_input,
                          v1::ExportProfilesResponse* profiles) {
  const bool from_stdin = path == "-";
  const std::string name = from_stdin ? "stdin" : path;
  std::string text;
  grpc::Status status = from_stdin ? ReadAll(standard_input, name, &text) : ReadFile(path, &text);
  if (!status.ok()) return status;
  if (const absl::Status parsed = FromJson(text, profiles); !parsed.ok()) {
    return MakeFailure(
        grpc::StatusCode::INVALID_ARGUMENT, "INPUT_MALFORMED",
        fmt::format("{} holds no profiles: {}", name, std::string(parsed.message())));
  }
  if (profiles->profiles().empty()) {
    return MakeFailure(grpc::StatusCode::INVALID_ARGUMENT, "INPUT_MALFORMED",
                       fmt::format("{} holds no profiles: its list is empty", name));
  }
  return grpc::Status::OK;
}

grpc::Status WriteProfiles(const v1::ExportProfilesResponse& profiles, const std::string& path) {
  const std::string text = ToJsonDocument(profiles);
  std::error_code error;
  const std::filesystem::file_status present = std::filesystem::status(path, error);
  // A pipe or a device is written to; to rename a file over it would remove it.
  const bool replaceable =
      !std::filesystem::exists(present) || std::filesystem::is_regular_file(present);
  const int error_number = replaceable ? ReplaceFile(path, text) : WriteInto(path, text);
  return error_number == 0 ? grpc::Status::OK : WriteFailure(path, error_number);
}

}  // namespace uprobed::client
