// Any bytes as DWARF: the first quarter of the input is the abbreviations, the rest the units.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/elf/dwarf_structs.h"
#include "tests/unit/elf/elf_image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace uprobed::elf;  // NOLINT(google-build-using-namespace): one function
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  ElfImage image;
  image.Add(".debug_abbrev", input.substr(0, size / 4));
  image.Add(".debug_info", input.substr(size / 4));
  const auto file = image.Open();
  if (file.ok()) {
    static_cast<void>(ReadStructOffsets(*file, {{"a.b", "c"}, {"net/http.Request", "URL.Host"}}));
  }
  return 0;
}
