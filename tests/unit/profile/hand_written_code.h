#ifndef UPROBED_TESTS_UNIT_PROFILE_HAND_WRITTEN_CODE_H_
#define UPROBED_TESTS_UNIT_PROFILE_HAND_WRITTEN_CODE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/elf/instructions.h"
#include "server/profile/machine_code.h"
#include "tests/unit/elf/elf_image.h"

namespace uprobed::profile {

using Bytes = std::vector<uint8_t>;

// Functions that tell an offset, and a field whose offset one tells.
inline constexpr char kWriteHeader[] = "net/http.(*response).WriteHeader";
inline constexpr char kReadRequest[] = "net/http.readRequest";
inline constexpr char kStatus[] = "net/http.response.status";

// The machine code of a function, written by hand, and what it tells of offsets.
class MachineCode {
 public:
  explicit MachineCode(Passing passing = Passing::kInRegisters) : passing_(passing) {}

  MachineCode& Add(const Bytes& bytes) {
    code_.insert(code_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  // Direct, to a function of this name, which has so many bytes on the stack.
  MachineCode& Call(const std::string& callee, std::optional<uint32_t> stack_bytes = {}) {
    calls_[code_.size() + 5] = {callee, stack_bytes};
    return CallMiddle();  // the target is what stands behind it
  }
  // Direct, to where no function begins.
  MachineCode& CallMiddle() { return Add({0xe8, 0x00, 0x00, 0x00, 0x00}); }
  MachineCode& CallIndirect() { return Add({0xff, 0xd1}); }  // call rcx
  MachineCode& Return() { return Add({0xc3}); }

  CodeOffsets Tell(const std::string& function) const {
    elf::ElfImage image;
    const uint64_t address =
        image.Add(".text", {reinterpret_cast<const char*>(code_.data()), code_.size()});
    const auto file = image.Open();
    EXPECT_TRUE(file.ok()) << file.status();
    const auto instructions = elf::Disassemble(*file, address, code_.size());
    EXPECT_TRUE(instructions.ok()) << instructions.status();
    const auto find = [&](uint64_t target) {
      const auto found = calls_.find(target - address);
      return found == calls_.end() ? std::nullopt : std::optional<Callee>(found->second);
    };
    Callees callees{.name_at = [&](uint64_t target) -> std::optional<std::string> {
                      const auto callee = find(target);
                      return callee ? std::optional<std::string>(callee->name) : std::nullopt;
                    },
                    .passing = passing_,
                    .stack_bytes_at =
                        [&](uint64_t target) {
                          const auto callee = find(target);
                          return callee ? callee->stack_bytes : std::nullopt;
                        }};
    return OffsetsIn(function, Follow(*instructions, callees));
  }

 private:
  struct Callee {
    std::string name;
    std::optional<uint32_t> stack_bytes;
  };

  Passing passing_;
  Bytes code_;
  std::map<uint64_t, Callee> calls_;  // by offset of the target
};

}  // namespace uprobed::profile

#endif  // UPROBED_TESTS_UNIT_PROFILE_HAND_WRITTEN_CODE_H_
