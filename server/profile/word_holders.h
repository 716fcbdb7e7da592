#ifndef UPROBED_SERVER_PROFILE_WORD_HOLDERS_H_
#define UPROBED_SERVER_PROFILE_WORD_HOLDERS_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "server/elf/architecture.h"
#include "server/elf/instructions.h"

namespace uprobed::profile {

// A register's number in the encoding: 0 for rax and x0, 15 for r15.
using RegisterNumber = int;

// "rax", "x0".
std::string RegisterName(elf::Architecture architecture, RegisterNumber number);

// nullopt where there is no such register.
std::optional<RegisterNumber> RegisterFromName(elf::Architecture architecture,
                                               std::string_view name);

bool Writes(const elf::Instruction& instruction, std::string_view register_name);

// The register that amd64's `test r, r` tests; nullopt for any other instruction.
std::optional<RegisterNumber> TestedForZero(const elf::Instruction& instruction);

// Whether it is amd64's `cmpq $0, offset(%rsp)`.
bool ComparesStackWordWithZero(const elf::Instruction& instruction, int32_t offset);

// Which registers and places of the frame hold one word, along a line of instructions: what puts it
// away and takes it back is followed.
class WordHolders {
 public:
  // `offsets`: bytes from the stack pointer, which must not move on the line.
  WordHolders(elf::Architecture architecture, std::set<RegisterNumber> registers,
              std::set<int32_t> offsets);

  bool Has(RegisterNumber number) const { return registers_.contains(number); }
  const std::set<RegisterNumber>& registers() const { return registers_; }
  const std::set<int32_t>& offsets() const { return offsets_; }

  // Any instruction but a call.
  void Pass(const elf::Instruction& instruction);
  // A call of a function with at most one word of arguments or results: no register is saved by the
  // callee, and on the stack it writes its results.
  void PassCall();

 private:
  elf::Architecture architecture_;
  std::set<RegisterNumber> registers_;
  std::set<int32_t> offsets_;
};

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_WORD_HOLDERS_H_
