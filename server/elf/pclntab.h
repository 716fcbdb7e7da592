#ifndef UPROBED_SERVER_ELF_PCLNTAB_H_
#define UPROBED_SERVER_ELF_PCLNTAB_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"

namespace uprobed::elf {

// The Go linker's table of functions (runtime.pcHeader and what follows), which is there even in a
// stripped binary because the runtime needs it. The layouts of Go 1.2 to 1.27, read in place.
// A view: valid as long as the bytes and the ElfFile are. Thread-safe.
class Pclntab {
 public:
  struct Function {
    std::string_view name;
    uint64_t address = 0;
    uint64_t size = 0;  // up to the next function's entry, padding included
    // Bytes of arguments and results on the caller's stack; nullopt where the table does not say.
    std::optional<uint32_t> stack_bytes = std::nullopt;
  };

  // The releases of Go that wrote one layout, by minor number.
  struct Releases {
    int first = 0;
    int last = 0;
  };

  // Finds and checks the table of `file`, by the name of its section or, where that is gone, by its
  // first bytes. FAILED_PRECONDITION with the reasons PCLNTAB_MISSING, PCLNTAB_MALFORMED and
  // PCLNTAB_VERSION_UNSUPPORTED.
  static absl::StatusOr<Pclntab> Find(const ElfFile& file);
  // Takes the table's bytes, relocated; text_start is used where the header should hold one and
  // holds none.
  static absl::StatusOr<Pclntab> Parse(std::span<const std::byte> table, uint64_t text_start);

  uint64_t count() const { return count_; }
  // What the functions' entries count from; 0 where they are absolute (Go <= 1.17), and after Parse
  // where it is not known.
  uint64_t text_start() const { return text_start_; }
  // The releases that the table can be of; `last` is INT_MAX for the newest layout.
  Releases releases() const;

  // The function number `index` in order of address; nullopt where its record lies outside of the
  // table.
  std::optional<Function> At(uint64_t index) const;
  // The function whose entry is exactly `address`.
  std::optional<Function> AtEntry(uint64_t address) const;

 private:
  Pclntab() = default;
  // Parses the table at the linked address `address` of `file` and finds what it counts from.
  static absl::StatusOr<Pclntab> Read(const ElfFile& file, uint64_t address,
                                      std::span<const std::byte> table);
  bool IsAbsolute() const;
  uint64_t EntrySize() const;
  // Where a function's entry is, from the start of text; nullopt beyond the sentinel.
  std::optional<uint64_t> EntryOffset(uint64_t index) const;
  // Offset of a function's record from the start of `records_`.
  std::optional<uint64_t> RecordOffset(uint64_t index) const;

  uint32_t magic_ = 0;
  std::span<const std::byte> names_;    // NUL-terminated, found by offset
  std::span<const std::byte> functab_;  // pairs of an entry and a record's offset, then the end
  std::span<const std::byte> records_;
  uint64_t count_ = 0;
  uint64_t text_start_ = 0;
  // The bytes of functab_ where those of the file had to be relocated.
  std::shared_ptr<const std::vector<std::byte>> relocated_;
};

// Whether `bytes` begin as a table of any known layout does.
bool LooksLikePclntab(std::span<const std::byte> bytes);

// FAILED_PRECONDITION PCLNTAB_MALFORMED.
absl::Status PclntabMalformed(std::string_view what);

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_PCLNTAB_H_
