#ifndef UPROBED_SERVER_ELF_ELF_FILE_H_
#define UPROBED_SERVER_ELF_ELF_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"
#include "server/elf/architecture.h"

namespace uprobed::elf {

struct Section {
  std::string_view name;  // empty where it can't be read
  uint64_t address = 0;
  uint64_t file_offset = 0;
  uint64_t size = 0;
  bool compressed = false;          // SHF_COMPRESSED: data starts with an Elf64_Chdr
  std::span<const std::byte> data;  // empty for SHT_NOBITS; lives as long as the ElfFile
};

// A PT_LOAD segment. Segments of a hostile file may overlap, so that their data together is longer
// than the file.
struct Segment {
  uint32_t flags = 0;  // PF_R, PF_W, PF_X
  uint64_t address = 0;
  uint64_t file_offset = 0;
  std::span<const std::byte> data;  // what is in the file; lives as long as the ElfFile
};

// A 64-bit little-endian ELF executable, as it was at the moment of opening: its content is copied
// once (see file_snapshot.h), so a file that is truncated or rewritten later changes nothing here.
// Every read is bounded by the file: what lies outside is an error or an empty span, never
// undefined behaviour. Thread: one at a time. Errors: FAILED_PRECONDITION or INVALID_ARGUMENT with
// the reasons BINARY_NOT_REGULAR_FILE, BINARY_NOT_ELF, BINARY_TRUNCATED, BINARY_TOO_LARGE,
// BINARY_MALFORMED, BINARY_PACKED, BINARY_ARCHITECTURE_UNSUPPORTED, BINARY_NOT_EXECUTABLE_TYPE
// (an object file, a core or a shared library); NOT_FOUND BINARY_NOT_FOUND; PERMISSION_DENIED
// BINARY_NOT_READABLE; a failing system call: BINARY_READ_FAILED.
class ElfFile {
 public:
  // Opens `path` without ever blocking on a FIFO or a device.
  static absl::StatusOr<ElfFile> Open(const std::string& path);
  // Takes an open file; `name` is used in error messages only.
  static absl::StatusOr<ElfFile> FromFd(UniqueFd fd, const std::string& name);

  ElfFile(ElfFile&&) noexcept;
  ElfFile& operator=(ElfFile&&) noexcept;
  ~ElfFile();

  int fd() const;  // the file that was opened
  const std::string& name() const;
  uint64_t size() const;                     // bytes of the file
  std::span<const std::byte> bytes() const;  // the whole file
  Architecture architecture() const;
  bool position_independent() const;  // ET_DYN

  const Section* FindSection(std::string_view name) const;
  const std::vector<Section>& sections() const;
  const std::vector<Segment>& segments() const;  // PT_LOAD, in the order of the file

  // Bytes at a linked virtual address, through the PT_LOAD segments; nullopt where `size` bytes are
  // not all in the file.
  std::optional<std::span<const std::byte>> ReadAddress(uint64_t address, uint64_t size) const;
  // File offset of a linked virtual address that is backed by the file.
  std::optional<uint64_t> FileOffset(uint64_t address) const;

  // Value of the first entry `tag` (DT_RELA, ...) of the dynamic section; nullopt where there is
  // none.
  std::optional<uint64_t> DynamicEntry(int64_t tag) const;

  // Content of a note, for example ("Go", 4) or ("GNU", 3); nullopt where there is none.
  std::optional<std::string> FindNote(std::string_view owner, uint32_t type) const;

 private:
  struct State;
  explicit ElfFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_ELF_FILE_H_
