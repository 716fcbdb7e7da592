#include "server/elf/amd64_instructions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "server/base/errors.h"

namespace uprobed::elf::amd64 {
namespace {

Flow FlowOf(const CapstoneDecoder& decoder) {
  const cs_insn* insn = decoder.insn();
  switch (insn->id) {
    case X86_INS_JMP:
    case X86_INS_LJMP:
      return Flow::kJump;
    case X86_INS_LCALL:
      return Flow::kCall;
    case X86_INS_INT1:
    case X86_INS_INT3:
    case X86_INS_HLT:
    case X86_INS_UD0:
    case X86_INS_UD2:
    case X86_INS_UD2B:
      return Flow::kTrap;
    // Capstone 4 does not count these among the jumps.
    case X86_INS_LOOP:
    case X86_INS_LOOPE:
    case X86_INS_LOOPNE:
    case X86_INS_XBEGIN:
      return Flow::kConditional;
    default:
      break;
  }
  if (cs_insn_group(decoder.handle(), insn, CS_GRP_CALL)) return Flow::kCall;
  if (cs_insn_group(decoder.handle(), insn, CS_GRP_RET)) return Flow::kReturn;
  if (cs_insn_group(decoder.handle(), insn, CS_GRP_IRET)) return Flow::kReturn;
  if (cs_insn_group(decoder.handle(), insn, CS_GRP_JUMP)) return Flow::kConditional;
  return Flow::kNext;
}

std::optional<uint64_t> TargetOf(const cs_insn& insn, Flow flow) {
  if (flow != Flow::kCall && flow != Flow::kJump && flow != Flow::kConditional) return std::nullopt;
  const cs_x86& detail = insn.detail->x86;
  if (detail.op_count != 1 || detail.operands[0].type != X86_OP_IMM) return std::nullopt;
  return static_cast<uint64_t>(detail.operands[0].imm);
}

// The 64-bit name of a register that Capstone may name by a part of it.
std::string WholeRegister(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kLegacy = {"ax", "bx", "cx", "dx",
                                                              "si", "di", "bp", "sp"};
  for (const std::string_view legacy : kLegacy) {
    const bool two_letters =
        name.size() == 2 && name[0] == legacy[0] &&
        (name[1] == legacy[1] || (legacy[1] == 'x' && (name[1] == 'l' || name[1] == 'h')));
    const bool low_byte = name.size() == 3 && name.starts_with(legacy) && name[2] == 'l';
    const bool extended = name.size() == 3 && name.ends_with(legacy) && name[0] == 'e';
    if (two_letters || low_byte || extended) return fmt::format("r{}", legacy);
  }
  if (name == "eflags" || name == "flags") return "rflags";
  // r8d, r8w, r8b and so on.
  if (name.size() >= 3 && name[0] == 'r' && name[1] >= '0' && name[1] <= '9' &&
      (name.back() == 'd' || name.back() == 'w' || name.back() == 'b')) {
    name.remove_suffix(1);
  }
  return std::string(name);
}

absl::StatusOr<std::vector<std::string>> WrittenBy(const CapstoneDecoder& decoder) {
  cs_regs read;
  cs_regs written;
  uint8_t read_count = 0;
  uint8_t written_count = 0;
  if (const cs_err error = cs_regs_access(decoder.handle(), decoder.insn(), read, &read_count,
                                          written, &written_count);
      error != CS_ERR_OK) {
    return DisassemblerFailed("ask the disassembler for registers", error);
  }
  std::vector<std::string> names;
  for (uint8_t i = 0; i < written_count; ++i) {
    const char* name = cs_reg_name(decoder.handle(), written[i]);
    if (name == nullptr) continue;
    std::string whole = WholeRegister(name);
    if (std::find(names.begin(), names.end(), whole) == names.end()) {
      names.push_back(std::move(whole));
    }
  }
  return names;
}

// The destination comes first. Capstone 4 does not know of each instruction whether it writes it,
// so that only those that never do are taken out.
bool Stores(const cs_insn& insn) {
  const cs_x86& detail = insn.detail->x86;
  const bool only_reads = insn.id == X86_INS_CMP || insn.id == X86_INS_TEST ||
                          insn.id == X86_INS_CALL || insn.id == X86_INS_JMP ||
                          insn.id == X86_INS_PUSH || insn.id == X86_INS_NOP;
  return detail.op_count > 0 && detail.operands[0].type == X86_OP_MEM && !only_reads;
}

}  // namespace

absl::StatusOr<Instruction> Decode(CapstoneDecoder& decoder, std::span<const std::byte> code,
                                   uint64_t address) {
  Instruction result;
  result.address = address;
  if (!decoder.Decode(code, address)) {
    result.size = 1;
    result.flow = Flow::kTrap;
    result.bytes = {std::to_integer<uint8_t>(code.front())};
    result.stores = true;
    return result;
  }
  const cs_insn& insn = *decoder.insn();
  result.size = static_cast<uint8_t>(insn.size);
  result.flow = FlowOf(decoder);
  result.target = TargetOf(insn, result.flow);
  result.bytes.assign(insn.bytes, insn.bytes + insn.size);
  result.text = decoder.Text();
  ASSIGN_OR_RETURN(result.written, WrittenBy(decoder));
  result.stores = Stores(insn);
  return result;
}

ProbeHandling HandlingOf(const std::vector<uint8_t>& bytes) {
  const auto is = [&bytes](size_t size, uint8_t first, uint8_t last, size_t at = 0) {
    return bytes.size() == size && bytes[at] >= first && bytes[at] <= last;
  };
  const bool nop = is(1, 0x90, 0x90);
  const bool push = is(1, 0x50, 0x57) || (is(2, 0x50, 0x57, 1) && bytes[0] == 0x41);
  const bool jump = is(2, 0xeb, 0xeb) || is(5, 0xe9, 0xe9);
  const bool emulated = nop || push || jump || IsDirectCall(bytes) || ConditionOf(bytes);
  return emulated ? ProbeHandling::kEmulated : ProbeHandling::kSingleStepped;
}

bool IsDirectCall(const std::vector<uint8_t>& bytes) {
  return bytes.size() == 5 && bytes[0] == 0xe8;
}

// jcc is 70+cc with a displacement of 1 byte, 0f 80+cc with one of 4 (Intel SDM volume 2, Jcc).
std::optional<JumpCondition> ConditionOf(const std::vector<uint8_t>& bytes) {
  const bool near = bytes.size() == 6 && bytes[0] == 0x0f && (bytes[1] & 0xf0) == 0x80;
  const bool is_short = bytes.size() == 2 && (bytes[0] & 0xf0) == 0x70;
  if (!near && !is_short) return std::nullopt;
  JumpCondition condition;
  condition.code = static_cast<uint8_t>(bytes[near ? 1 : 0] & 0xf);
  return condition;
}

}  // namespace uprobed::elf::amd64
