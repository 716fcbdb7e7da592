// Any bytes as the section .go.buildinfo, and as variables among which it may be.

#include "server/elf/go_build_info.h"

#include <cstddef>
#include <cstdint>

#include "tests/unit/elf/elf_image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace uprobed::elf;  // NOLINT(google-build-using-namespace): one function
  for (const char* name : {".go.buildinfo", ".data"}) {
    ElfImage image;
    image.load_flags = PF_R | PF_W;
    image.Add(name, {reinterpret_cast<const char*>(data), size});
    const auto file = image.Open();
    if (file.ok()) static_cast<void>(ReadGoBuildInfo(*file));
  }
  return 0;
}
