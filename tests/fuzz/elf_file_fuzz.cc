// Any file as a binary: everything that is read of one before it is trusted.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/elf/go_build_info.h"
#include "server/elf/go_functions.h"
#include "server/elf/go_version_string.h"
#include "server/elf/instructions.h"
#include "server/elf/pclntab.h"
#include "tests/unit/elf/elf_image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace uprobed::elf;  // NOLINT(google-build-using-namespace): one function
  const auto file = ElfImage::OpenBytes({reinterpret_cast<const char*>(data), size});
  if (!file.ok()) return 0;
  for (const Section& section : file->sections()) {
    static_cast<void>(file->ReadAddress(section.address, section.size));
    static_cast<void>(file->FileOffset(section.address));
  }
  static_cast<void>(file->FindNote("Go", 4));
  static_cast<void>(file->DynamicEntry(0));
  static_cast<void>(ReadGoBuildInfo(*file));
  if (const auto table = Pclntab::Find(*file); table.ok()) {
    static_cast<void>(FindGoVersionString(*file, *table));
    for (uint64_t i = 0; i < table->count(); ++i) static_cast<void>(table->At(i));
  }
  const auto functions = GoFunctions::Read(*file);
  if (!functions.ok()) return 0;
  for (const GoFunction& function : functions->Find("main.main")) {
    static_cast<void>(functions->NameAtEntry(function.address));
    const auto instructions = Disassemble(*file, function.address, function.size);
    if (!instructions.ok()) continue;
    for (const Instruction& instruction : *instructions) {
      static_cast<void>(HandlingOf(instruction.architecture, instruction.bytes));
      static_cast<void>(ConditionOf(instruction.architecture, instruction.bytes));
    }
  }
  return 0;
}
