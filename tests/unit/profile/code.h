#ifndef UPROBED_TESTS_UNIT_PROFILE_CODE_H_
#define UPROBED_TESTS_UNIT_PROFILE_CODE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/profile/control_flow.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// What hand-written code is for, where nothing else is said.
inline constexpr CallAbi kRegisters = CallAbi::kAmd64Registers;

// Writes the code of a small function by hand: what a decoder would have made of it. Jumps name
// their targets by labels, which may stand before or behind them.
class Code {
 public:
  Code& Label(const std::string& name) {
    labels_[name] = instructions_.size();
    return *this;
  }
  // An instruction that the kernel single-steps and that writes `written`.
  Code& Mov(std::vector<std::string> written = {}) {
    return Add(elf::Flow::kNext, {0x48, 0x89, 0xc8}, "mov", std::move(written));
  }
  Code& Store() {
    Add(elf::Flow::kNext, {0x48, 0x89, 0x44, 0x24, 0x18}, "mov [rsp + 0x18], rax");
    instructions_.back().stores = true;
    return *this;
  }
  // mov rdi, rax
  Code& MovRdiRax() { return Add(elf::Flow::kNext, {0x48, 0x89, 0xc7}, "mov rdi, rax", {"rdi"}); }
  // mov [rsp + offset], rax, rbx and rcx
  Code& PutAwayRax(uint8_t offset) { return PutAway({0x48, 0x89, 0x44, 0x24, offset}); }
  Code& PutAwayRbx(uint8_t offset) { return PutAway({0x48, 0x89, 0x5c, 0x24, offset}); }
  Code& PutAwayRcx(uint8_t offset) { return PutAway({0x48, 0x89, 0x4c, 0x24, offset}); }
  // cmp qword ptr [rsp + offset], 0
  Code& CompareOnStack(uint8_t offset) {
    return Add(elf::Flow::kNext, {0x48, 0x83, 0x7c, 0x24, offset, 0}, "cmp [rsp], 0");
  }
  // mov rcx, [rsp + offset]
  Code& LoadRcxFromStack(uint8_t offset) {
    return Add(elf::Flow::kNext, {0x48, 0x8b, 0x4c, 0x24, offset}, "mov rcx, [rsp]", {"rcx"});
  }
  Code& TestRcx() { return Add(elf::Flow::kNext, {0x48, 0x85, 0xc9}, "test rcx, rcx"); }
  Code& TestRax() { return Add(elf::Flow::kNext, {0x48, 0x85, 0xc0}, "test rax, rax"); }
  Code& TestRbx() { return Add(elf::Flow::kNext, {0x48, 0x85, 0xdb}, "test rbx, rbx"); }
  Code& Nop() { return Add(elf::Flow::kNext, {0x90}, "nop"); }
  Code& PushRbp() { return Add(elf::Flow::kNext, {0x55}, "push rbp", {"rsp"}); }
  Code& Return() { return Add(elf::Flow::kReturn, {0xc3}, "ret"); }
  Code& Trap() { return Add(elf::Flow::kTrap, {0x0f, 0x0b}, "ud2"); }
  Code& Undecodable() { return Add(elf::Flow::kTrap, {0x06}, ""); }
  Code& CallInterface() { return Add(elf::Flow::kCall, {0xff, 0xd1}, "call rcx"); }
  Code& JumpTable() { return Add(elf::Flow::kJump, {0xff, 0xe1}, "jmp rcx"); }
  Code& Call(const std::string& callee) {
    Add(elf::Flow::kCall, {0xe8, 0, 0, 0, 0}, "call");
    instructions_.back().target = EntryOf(callee);
    return *this;
  }
  Code& Jump(const std::string& label) { return AddJump(elf::Flow::kJump, 0xeb, label); }
  Code& JumpIfEqual(const std::string& label) {
    return AddJump(elf::Flow::kConditional, 0x74, label);
  }
  Code& JumpIfNotEqual(const std::string& label) {
    return AddJump(elf::Flow::kConditional, 0x75, label);
  }

  absl::StatusOr<ControlFlow> Build(const std::string& function = "f") const {
    std::vector<elf::Instruction> code = instructions_;
    for (const auto& [node, label] : jumps_) {
      const auto found = labels_.find(label);
      code[node].target = found == labels_.end() ? kOutside : AddressOf(found->second);
    }
    return ControlFlow::Build(function, std::move(code), [this](uint64_t address) {
      const auto found = names_.find(address);
      return found == names_.end() ? std::nullopt : std::optional<std::string>(found->second);
    });
  }
  size_t At(const std::string& label) const { return labels_.at(label); }

 private:
  static constexpr uint64_t kOutside = 0x10;
  static constexpr uint64_t kEntry = 0x1000;
  static constexpr uint64_t kCallees = 0x100000;

  static uint64_t AddressOf(size_t node) { return kEntry + 16 * node; }

  Code& Add(elf::Flow flow, std::vector<uint8_t> bytes, std::string text,
            std::vector<std::string> written = {}) {
    elf::Instruction instruction;
    instruction.address = AddressOf(instructions_.size());
    instruction.size = static_cast<uint8_t>(bytes.size());
    instruction.flow = flow;
    instruction.bytes = std::move(bytes);
    instruction.text = std::move(text);
    instruction.written = std::move(written);
    instructions_.push_back(std::move(instruction));
    return *this;
  }
  Code& PutAway(std::vector<uint8_t> bytes) {
    Add(elf::Flow::kNext, std::move(bytes), "mov [rsp], r");
    instructions_.back().stores = true;
    return *this;
  }
  Code& AddJump(elf::Flow flow, uint8_t opcode, const std::string& label) {
    jumps_[instructions_.size()] = label;
    return Add(flow, {opcode, 0}, "jump " + label);
  }
  uint64_t EntryOf(const std::string& callee) {
    for (const auto& [address, name] : names_) {
      if (name == callee) return address;
    }
    const uint64_t address = kCallees + 64 * names_.size();
    names_[address] = callee;
    return address;
  }

  std::vector<elf::Instruction> instructions_;
  std::map<std::string, size_t> labels_;
  std::map<size_t, std::string> jumps_;
  std::map<uint64_t, std::string> names_;
};

}  // namespace uprobed::profile

#endif  // UPROBED_TESTS_UNIT_PROFILE_CODE_H_
