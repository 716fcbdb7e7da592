#ifndef UPROBED_SERVER_PROFILE_OPERANDS_H_
#define UPROBED_SERVER_PROFILE_OPERANDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace uprobed::profile {

// The sixteen general registers, numbered as x86-64 encodes them.
inline constexpr int kRegisterCount = 16;
inline constexpr int kRax = 0;
inline constexpr int kRcx = 1;
inline constexpr int kRbx = 3;
inline constexpr int kRsp = 4;
inline constexpr int kRbp = 5;
inline constexpr int kRdi = 7;

// The number of a general register that `name` is or is a part of ("eax" is 0); nullopt for others.
std::optional<int> GeneralRegister(std::string_view name);

// One operand of an instruction.
struct Operand {
  enum class Kind : uint8_t { kOther, kRegister, kImmediate, kMemory };
  Kind kind = Kind::kOther;  // kOther: a register that is not general, or memory of a segment
  int width = 0;             // bytes; 0 where the text does not say (immediates)
  int register_number = 0;   // kRegister; kMemory: the base, -1 where there is none or it is rip
  bool scaled = false;       // kMemory: with an index, so that the address is not known
  int64_t number = 0;        // kImmediate; kMemory: the displacement
  bool operator==(const Operand&) const = default;
};

// An instruction's text, taken apart.
struct ParsedText {
  std::string mnemonic;  // "cmpxchg": without the prefixes lock, rep and repne
  bool repeated = false;
  std::vector<Operand> operands;
};

// Takes apart what Capstone prints in Intel syntax: "mov qword ptr [rsp + 0x238], rax".
ParsedText ParseText(std::string_view text);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_OPERANDS_H_
