#ifndef UPROBED_SERVER_ELF_PCLNTAB_H_
#define UPROBED_SERVER_ELF_PCLNTAB_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"

namespace uprobed::elf {

// The Go linker's table of functions (runtime.pcHeader and what follows), which is there even in a
// stripped binary because the runtime needs it. Layout of Go 1.18 and later, read in place.
// A view: valid as long as the bytes and the ElfFile are. Thread-safe.
class Pclntab {
 public:
  struct Function {
    std::string_view name;
    uint64_t address = 0;
    uint64_t size = 0;  // up to the next function's entry, padding included
  };

  // Finds and checks the table of `file`. FAILED_PRECONDITION with the reasons PCLNTAB_MISSING,
  // PCLNTAB_MALFORMED and PCLNTAB_VERSION_UNSUPPORTED.
  static absl::StatusOr<Pclntab> Find(const ElfFile& file);
  // Takes the table's bytes; text_start is used where the header holds none (Go >= 1.26).
  static absl::StatusOr<Pclntab> Parse(std::span<const std::byte> table, uint64_t text_start);

  uint64_t count() const { return count_; }
  // The header's own text start; 0 since Go 1.26, and in position-independent binaries where it is
  // a relocation.
  uint64_t text_start() const { return text_start_; }

  // The function number `index` in order of address; nullopt where its record lies outside of the
  // table.
  std::optional<Function> At(uint64_t index) const;
  // The function whose entry is exactly `address`.
  std::optional<Function> AtEntry(uint64_t address) const;

 private:
  Pclntab() = default;
  // Offset of a function's entry from the start of text; nullopt beyond the sentinel.
  std::optional<uint32_t> EntryOffset(uint64_t index) const;

  std::span<const std::byte> names_;      // NUL-terminated, found by offset
  std::span<const std::byte> functions_;  // the functab, then the records it points to
  uint64_t count_ = 0;
  uint64_t text_start_ = 0;
};

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_PCLNTAB_H_
