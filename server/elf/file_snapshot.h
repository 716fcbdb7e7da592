#ifndef UPROBED_SERVER_ELF_FILE_SNAPSHOT_H_
#define UPROBED_SERVER_ELF_FILE_SNAPSHOT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace uprobed::elf {

// A private copy of a file's content, which nobody else can change. It is a copy because a file
// that is truncated while it is mapped kills the reader with SIGBUS: whoever may write the binary
// could stop the daemon. It also makes one moment of the file of all reads, so that the hash of a
// binary and what was read from it belong together. Owns the memory, in huge pages where the kernel
// has them: half of what it takes to read a file would be page faults. Thread: one at a time.
class FileSnapshot {
 public:
  // Copies `size` bytes of `fd`. FAILED_PRECONDITION BINARY_TRUNCATED where the file has become
  // shorter, BINARY_TOO_LARGE where `size` is above kMaxSize; `name` is for messages.
  static absl::StatusOr<FileSnapshot> Take(int fd, uint64_t size, const std::string& name);

  // Together with kMaxDebugSize of dwarf_structs.cc below the MemoryMax of deploy/uprobed.service:
  // the copy is memory that can't be reclaimed, and a larger (perhaps sparse) file would end the
  // daemon. Few Go programs come near, and those by their debug information.
  static constexpr uint64_t kMaxSize = uint64_t{256} << 20;

  FileSnapshot(FileSnapshot&& other) noexcept;
  FileSnapshot& operator=(FileSnapshot&& other) noexcept;
  FileSnapshot(const FileSnapshot&) = delete;
  FileSnapshot& operator=(const FileSnapshot&) = delete;
  ~FileSnapshot();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit FileSnapshot(std::span<std::byte> bytes) : bytes_(bytes) {}
  void Unmap();

  std::span<std::byte> bytes_;
};

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_FILE_SNAPSHOT_H_
