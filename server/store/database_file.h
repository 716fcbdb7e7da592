#ifndef UPROBED_SERVER_STORE_DATABASE_FILE_H_
#define UPROBED_SERVER_STORE_DATABASE_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace uprobed::store {

// The database as a file: what it is before SQLite may touch it, and what is done around it.
// System calls that fail are UNAVAILABLE STORE_IO, naming the path.

// PRAGMA application_id of our databases: "uprb". It tells them from other programs' files.
inline constexpr int64_t kApplicationId = 0x75707262;

enum class FileState : uint8_t {
  kNew,      // not there, or without a byte
  kOurs,     // a SQLite database with our application id
  kForeign,  // a SQLite database of another program, or no database at all
  kDamaged,  // the remains of a SQLite database
};

// Looks at the file's header; changes nothing. FAILED_PRECONDITION STORE_DIRECTORY_MISSING where
// the directory is not there, STORE_NOT_A_FILE where `path` is a directory, device or the like.
absl::StatusOr<FileState> InspectFile(const std::string& path);

// Creates the file where it is missing and makes it readable and writable for its owner only,
// whatever the umask: SQLite gives its -wal and -shm files the same mode.
absl::Status MakePrivateFile(const std::string& path);

// PRAGMA user_version of a file that is kOurs, without a byte written to it.
absl::StatusOr<int> ReadSchemaVersion(const std::string& path);

// Renames the file and its -wal, -shm and -journal to `path`.corrupt-<unix_seconds>[.n], a name
// that is free, and returns that name.
absl::StatusOr<std::string> SetAside(const std::string& path, int64_t unix_seconds);

// Removes a file; it need not be there.
absl::Status RemoveFile(const std::string& path);

// Makes a file's content and then its name `to` durable, replacing what had that name.
absl::Status PublishFile(const std::string& from, const std::string& to);

}  // namespace uprobed::store

#endif  // UPROBED_SERVER_STORE_DATABASE_FILE_H_
