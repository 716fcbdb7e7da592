#ifndef UPROBED_SERVER_ELF_DEBUG_IMAGE_H_
#define UPROBED_SERVER_ELF_DEBUG_IMAGE_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"

namespace uprobed::elf {

// Whether a section is one of debug information, compressed or not.
inline bool IsDebugSection(std::string_view name) {
  return name.starts_with(".debug_") || name.starts_with(".zdebug_");
}

// That the debug information of the binary is not as it should be: DWARF_MALFORMED.
absl::Status DwarfMalformed(const ElfFile& file, std::string_view what);

// What libdw needs of a binary and no more, in memory that it may write to, for it makes headers
// say that sections are no longer compressed: an ELF file whose sections are the debug sections and
// the names, where they are in the binary. The others are none, so that libelf reads nothing of
// what their headers say. How much the debug sections are, is the caller's to bound. Owns the
// memory.
class DebugImage {
 public:
  // FAILED_PRECONDITION DWARF_MALFORMED where the headers or the names are not as a linker writes
  // them; BINARY_READ_FAILED where there is no memory.
  static absl::StatusOr<DebugImage> Make(const ElfFile& file);

  std::span<std::byte> bytes() const { return {memory_.get(), memory_.get_deleter().size}; }

 private:
  struct Unmap {
    size_t size = 0;
    void operator()(std::byte* memory) const noexcept;
  };
  explicit DebugImage(std::unique_ptr<std::byte, Unmap> memory) : memory_(std::move(memory)) {}

  std::unique_ptr<std::byte, Unmap> memory_;
};

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_DEBUG_IMAGE_H_
