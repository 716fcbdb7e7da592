#include "server/store/database_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string_view>
#include <system_error>

#include "server/base/errors.h"
#include "server/base/unique_fd.h"
#include "server/store/database.h"

namespace uprobed::store {
namespace {

// https://www.sqlite.org/fileformat2.html#the_database_header
constexpr size_t kHeaderSize = 100;
constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr size_t kUserVersionOffset = 60;
constexpr size_t kApplicationIdOffset = 68;
constexpr mode_t kPrivateMode = S_IRUSR | S_IWUSR;

using Header = std::array<uint8_t, kHeaderSize>;

absl::Status SystemError(int error_number, std::string_view action, const std::string& path) {
  return MakeError(absl::StatusCode::kUnavailable, "STORE_IO",
                   fmt::format("cannot {} {}: {}; check the path, its permissions and the disk",
                               action, path, std::generic_category().message(error_number)),
                   {{"path", path}});
}

uint32_t BigEndian32(const Header& header, size_t offset) {
  uint32_t value = 0;
  for (const uint8_t byte : std::span(header).subspan(offset, sizeof(value))) {
    value = value << 8 | byte;
  }
  return value;
}

// Less than a header's length where the file is shorter.
absl::StatusOr<size_t> ReadHeader(const std::string& path, Header& header) {
  // O_NONBLOCK: the open of a FIFO must not wait for its other end.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return SystemError(errno, "open", path);
  size_t size = 0;
  while (size < header.size()) {
    const ssize_t count =
        ::pread(file.get(), header.data() + size, header.size() - size, static_cast<off_t>(size));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError(errno, "read", path);
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  return size;
}

absl::Status CheckDirectory(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (std::filesystem::is_directory(directory, error)) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "STORE_DIRECTORY_MISSING",
                   fmt::format("the directory {} for the database does not exist; create it, owned "
                               "by the daemon's user, or choose another database path",
                               directory.string()),
                   {{"path", path}});
}

bool Exists(const std::string& path) {
  struct stat information {};
  return ::lstat(path.c_str(), &information) == 0;
}

absl::Status SyncPath(const std::string& path, int flags) {
  const UniqueFd file(::open(path.c_str(), flags | O_CLOEXEC));
  if (!file.valid()) return SystemError(errno, "open", path);
  if (::fsync(file.get()) != 0) return SystemError(errno, "sync", path);
  return absl::OkStatus();
}

absl::Status SyncDirectoryOf(const std::string& path) {
  return SyncPath(std::filesystem::path(path).parent_path().string(), O_RDONLY | O_DIRECTORY);
}

absl::Status Rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return SystemError(errno, "rename", from);
  return absl::OkStatus();
}

// Whether a file with this begin is or was a database: its magic text as far as it goes, or the
// zeros that a lost write leaves. Anything else is somebody's file under a mistaken path.
bool LooksLikeSqlite(std::string_view begin) {
  return kMagic.starts_with(begin) || begin.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

absl::StatusOr<FileState> InspectFile(const std::string& path) {
  RETURN_IF_ERROR(CheckDirectory(path));
  struct stat information {};
  if (::stat(path.c_str(), &information) != 0) {
    if (errno == ENOENT) return FileState::kNew;
    return SystemError(errno, "inspect", path);
  }
  if (!S_ISREG(information.st_mode)) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "STORE_NOT_A_FILE",
        fmt::format("the database path {} is not a regular file; choose another path", path),
        {{"path", path}});
  }
  Header header{};
  ASSIGN_OR_RETURN(const size_t size, ReadHeader(path, header));
  if (size == 0) return FileState::kNew;
  const std::string_view magic(reinterpret_cast<const char*>(header.data()), kMagic.size());
  if (!LooksLikeSqlite(magic.substr(0, size))) return FileState::kForeign;
  if (size < header.size() || magic != kMagic) return FileState::kDamaged;
  // The id is written before the database enters WAL mode, so it is never only in the WAL.
  return BigEndian32(header, kApplicationIdOffset) == kApplicationId ? FileState::kOurs
                                                                     : FileState::kForeign;
}

absl::Status MakePrivateFile(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kPrivateMode));
  if (!file.valid()) return SystemError(errno, "create", path);
  if (::fchmod(file.get(), kPrivateMode) != 0) return SystemError(errno, "set the mode of", path);
  return absl::OkStatus();
}

absl::StatusOr<int> ReadSchemaVersion(const std::string& path) {
  struct stat wal {};
  if (::stat((path + "-wal").c_str(), &wal) == 0 && wal.st_size > 0) {
    // The newest header may be in the WAL; a read-only connection reads it without a checkpoint.
    ASSIGN_OR_RETURN(Database database, Database::Open(path, Database::Access::kReadOnly));
    ASSIGN_OR_RETURN(const int64_t version, database.Integer("PRAGMA user_version"));
    return static_cast<int>(version);
  }
  Header header{};
  ASSIGN_OR_RETURN(const size_t size, ReadHeader(path, header));
  if (size < header.size()) return SystemError(EIO, "read the header of", path);
  return static_cast<int>(BigEndian32(header, kUserVersionOffset));
}

absl::StatusOr<std::string> SetAside(const std::string& path, int64_t unix_seconds) {
  const std::string wanted = fmt::format("{}.corrupt-{}", path, unix_seconds);
  std::string target = wanted;
  for (int number = 1; Exists(target); ++number) target = fmt::format("{}.{}", wanted, number);
  // The database itself comes last: after a crash in between it is found damaged and set aside
  // again.
  for (const std::string_view suffix : {"-wal", "-shm", "-journal", ""}) {
    const std::string from = fmt::format("{}{}", path, suffix);
    if (Exists(from)) RETURN_IF_ERROR(Rename(from, fmt::format("{}{}", target, suffix)));
  }
  RETURN_IF_ERROR(SyncDirectoryOf(path));
  return target;
}

absl::Status RemoveFile(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return SystemError(errno, "remove", path);
}

absl::Status PublishFile(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(SyncPath(from, O_RDONLY));
  RETURN_IF_ERROR(Rename(from, to));
  return SyncDirectoryOf(to);
}

}  // namespace uprobed::store
