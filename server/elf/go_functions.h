#ifndef UPROBED_SERVER_ELF_GO_FUNCTIONS_H_
#define UPROBED_SERVER_ELF_GO_FUNCTIONS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"

namespace uprobed::elf {

struct GoFunction {
  std::string name;      // "net/http.(*response).finishRequest"
  uint64_t address = 0;  // as linked
  uint64_t size = 0;     // bytes; from .gopclntab with the padding (int3) up to the next function
};

// The functions of a Go binary, from .symtab or, in a stripped binary, from .gopclntab. Looks
// names up by an index of eight bytes a function, without copying the table. Keeps views of the
// ElfFile, which must outlive it (it may be moved). Thread-safe.
class GoFunctions {
 public:
  // FAILED_PRECONDITION with PCLNTAB_MISSING, PCLNTAB_MALFORMED or PCLNTAB_VERSION_UNSUPPORTED
  // where neither table can be read.
  static absl::StatusOr<GoFunctions> Read(const ElfFile& file);

  bool from_symtab() const;

  // The functions called exactly `name` (an ABI wrapper has the same name as its function), the
  // largest first. Empty where there is none.
  std::vector<GoFunction> Find(std::string_view name) const;
  // As Find, for several names; result[i] belongs to names[i].
  std::vector<std::vector<GoFunction>> FindAll(const std::vector<std::string>& names) const;
  // At most `limit` of the functions whose names end in `suffix`, in no order.
  std::vector<GoFunction> FindEndingIn(std::string_view suffix, size_t limit) const;
  // Name of the function whose entry is `address`: what a direct call there calls.
  std::optional<std::string> NameAtEntry(uint64_t address) const;

 private:
  GoFunctions() = default;
  struct Tables;  // views of the ElfFile's bytes
  std::shared_ptr<const Tables> tables_;
};

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_GO_FUNCTIONS_H_
