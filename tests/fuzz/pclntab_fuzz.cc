// Any bytes as the Go function table.

#include "server/elf/pclntab.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto table = uprobed::elf::Pclntab::Parse(std::as_bytes(std::span(data, size)), 0x401000);
  if (!table.ok()) return 0;
  for (uint64_t i = 0; i < table->count(); ++i) {
    const auto function = table->At(i);
    if (function) static_cast<void>(table->AtEntry(function->address));
  }
  return 0;
}
