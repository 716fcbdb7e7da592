#include "server/elf/file_snapshot.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "server/base/errors.h"

namespace uprobed::elf {

absl::StatusOr<FileSnapshot> FileSnapshot::Take(int fd, uint64_t size, const std::string& name) {
  if (size > kMaxSize) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "BINARY_TOO_LARGE",
                     fmt::format("{} has {} bytes, more than the {} that are read of a binary; "
                                 "build it without debug information (-ldflags=-w)",
                                 name, size, kMaxSize),
                     {{"path", name}});
  }
  // mmap refuses a length of 0.
  if (size == 0) return FileSnapshot({});
  void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    return MakeErrnoError(errno, "BINARY_READ_FAILED", "map the memory to read " + name);
  }
  FileSnapshot snapshot({static_cast<std::byte*>(address), size});
  ::madvise(address, size, MADV_HUGEPAGE);  // a kernel without them says no, and works on
  uint64_t done = 0;
  while (done < size) {
    const ssize_t count =
        ::pread(fd, snapshot.bytes_.data() + done, size - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return MakeErrnoError(errno, "BINARY_READ_FAILED", "read " + name);
    if (count == 0) {
      return MakeError(absl::StatusCode::kFailedPrecondition, "BINARY_TRUNCATED",
                       name + " became shorter while it was read; try again when it is complete",
                       {{"path", name}});
    }
    done += static_cast<uint64_t>(count);
  }
  if (::mprotect(address, size, PROT_READ) != 0) {
    return MakeErrnoError(errno, "BINARY_READ_FAILED", "protect the content of " + name);
  }
  return snapshot;
}

FileSnapshot::FileSnapshot(FileSnapshot&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})) {}

FileSnapshot& FileSnapshot::operator=(FileSnapshot&& other) noexcept {
  if (this != &other) {
    Unmap();
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

FileSnapshot::~FileSnapshot() { Unmap(); }

void FileSnapshot::Unmap() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace uprobed::elf
