#ifndef UPROBED_SERVER_CONTROL_FILE_VERSION_H_
#define UPROBED_SERVER_CONTROL_FILE_VERSION_H_

#include <sys/stat.h>

#include <compare>
#include <cstdint>

namespace uprobed::control {

// A file, whatever its names.
struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;
  // clang-tidy 14 takes the comparison with 0 that the compiler writes for a null pointer.
  auto operator<=>(const FileId&) const = default;
};

// A file as of one moment: differs after its content was changed.
struct FileVersion {
  FileId id;
  int64_t size = 0;              // bytes
  int64_t modified_unix_ns = 0;  // st_mtim
  auto operator<=>(const FileVersion&) const = default;
};

inline FileVersion VersionOf(const struct stat& status) {
  constexpr int64_t kNanosPerSecond = 1'000'000'000;
  return {.id = {.device = status.st_dev, .inode = status.st_ino},
          .size = status.st_size,
          .modified_unix_ns = status.st_mtim.tv_sec * kNanosPerSecond + status.st_mtim.tv_nsec};
}

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_FILE_VERSION_H_
