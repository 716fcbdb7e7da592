#ifndef UPROBED_TESTS_FUZZ_HOSTILE_FUNCTION_H_
#define UPROBED_TESTS_FUZZ_HOSTILE_FUNCTION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elf/instructions.h"
#include "tests/unit/elf/elf_image.h"

namespace uprobed::profile {

// Any bytes as the machine code of one function of amd64. The first byte says whether arguments are
// passed on the stack (even) or in registers; the code follows. Calls name their callees by their
// target, so that an input can call each of the functions whose results matter.
class HostileFunction {
 public:
  HostileFunction(const uint8_t* data, size_t size) {
    if (size == 0) return;
    in_registers_ = data[0] % 2 == 1;
    elf::ElfImage image;
    const std::string_view code(reinterpret_cast<const char*>(data) + 1, size - 1);
    const uint64_t address = image.Add(".text", code);
    const auto file = image.Open();
    if (!file.ok()) return;
    auto decoded = elf::Disassemble(*file, address, code.size());
    if (decoded.ok()) instructions_ = *std::move(decoded);
  }

  bool in_registers() const { return in_registers_; }
  const std::vector<elf::Instruction>& instructions() const { return instructions_; }

  // The callee whose number is in bits 8 to 15 of `target`; none where it is not a number of one.
  static std::optional<std::string> NameAt(const std::vector<std::string>& callees,
                                           uint64_t target) {
    const uint64_t number = target >> 8 & 0xff;
    if (number >= callees.size()) return std::nullopt;
    return callees[number];
  }
  // Bits 0 to 7 of `target`: the words that the callee has on the stack; 255 where that is not
  // known.
  static std::optional<uint32_t> StackBytesAt(uint64_t target) {
    const auto words = static_cast<uint32_t>(target & 0xff);
    return words == 0xff ? std::nullopt : std::optional<uint32_t>(words * 8);
  }

 private:
  bool in_registers_ = false;
  std::vector<elf::Instruction> instructions_;
};

}  // namespace uprobed::profile

#endif  // UPROBED_TESTS_FUZZ_HOSTILE_FUNCTION_H_
