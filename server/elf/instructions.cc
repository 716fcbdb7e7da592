#include "server/elf/instructions.h"

#include <capstone/capstone.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "server/base/errors.h"

namespace uprobed::elf {
namespace {

class Decoder {
 public:
  static absl::StatusOr<Decoder> Make();
  Decoder(Decoder&& other) noexcept
      : handle_(std::exchange(other.handle_, 0)), insn_(std::exchange(other.insn_, nullptr)) {}
  Decoder& operator=(Decoder&&) = delete;
  ~Decoder() {
    if (insn_ != nullptr) cs_free(insn_, 1);
    if (handle_ != 0) cs_close(&handle_);
  }

  // The instruction at the start of `code`, or the one-byte trap that stands for what does not
  // decode.
  absl::StatusOr<Instruction> Next(std::span<const std::byte> code, uint64_t address);

 private:
  Decoder(csh handle, cs_insn* insn) : handle_(handle), insn_(insn) {}
  Flow FlowOf() const;
  std::optional<uint64_t> TargetOf(Flow flow) const;
  absl::StatusOr<std::vector<std::string>> WrittenBy() const;
  bool Stores() const;

  csh handle_;
  cs_insn* insn_;  // Capstone's, reused for each instruction
};

absl::Status Failed(std::string_view what, cs_err error) {
  return MakeError(absl::StatusCode::kInternal, "DISASSEMBLER_FAILED",
                   fmt::format("{}: {}", what, cs_strerror(error)));
}

absl::StatusOr<Decoder> Decoder::Make() {
  csh handle = 0;
  if (const cs_err error = cs_open(CS_ARCH_X86, CS_MODE_64, &handle); error != CS_ERR_OK) {
    return Failed("open the disassembler", error);
  }
  Decoder decoder(handle, nullptr);
  if (const cs_err error = cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON); error != CS_ERR_OK) {
    return Failed("ask the disassembler for details", error);
  }
  decoder.insn_ = cs_malloc(handle);
  if (decoder.insn_ == nullptr) return Failed("reserve memory to disassemble", cs_errno(handle));
  return decoder;
}

Flow Decoder::FlowOf() const {
  switch (insn_->id) {
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
  if (cs_insn_group(handle_, insn_, CS_GRP_CALL)) return Flow::kCall;
  if (cs_insn_group(handle_, insn_, CS_GRP_RET)) return Flow::kReturn;
  if (cs_insn_group(handle_, insn_, CS_GRP_IRET)) return Flow::kReturn;
  if (cs_insn_group(handle_, insn_, CS_GRP_JUMP)) return Flow::kConditional;
  return Flow::kNext;
}

std::optional<uint64_t> Decoder::TargetOf(Flow flow) const {
  if (flow != Flow::kCall && flow != Flow::kJump && flow != Flow::kConditional) return std::nullopt;
  const cs_x86& detail = insn_->detail->x86;
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

absl::StatusOr<std::vector<std::string>> Decoder::WrittenBy() const {
  cs_regs read;
  cs_regs written;
  uint8_t read_count = 0;
  uint8_t written_count = 0;
  if (const cs_err error =
          cs_regs_access(handle_, insn_, read, &read_count, written, &written_count);
      error != CS_ERR_OK) {
    return Failed("ask the disassembler for registers", error);
  }
  std::vector<std::string> names;
  for (uint8_t i = 0; i < written_count; ++i) {
    const char* name = cs_reg_name(handle_, written[i]);
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
bool Decoder::Stores() const {
  const cs_x86& detail = insn_->detail->x86;
  const bool only_reads = insn_->id == X86_INS_CMP || insn_->id == X86_INS_TEST ||
                          insn_->id == X86_INS_CALL || insn_->id == X86_INS_JMP ||
                          insn_->id == X86_INS_PUSH || insn_->id == X86_INS_NOP;
  return detail.op_count > 0 && detail.operands[0].type == X86_OP_MEM && !only_reads;
}

absl::StatusOr<Instruction> Decoder::Next(std::span<const std::byte> code, uint64_t address) {
  const auto* cursor = reinterpret_cast<const uint8_t*>(code.data());
  size_t left = code.size();
  uint64_t next_address = address;
  if (!cs_disasm_iter(handle_, &cursor, &left, &next_address, insn_)) {
    return Instruction{.address = address,
                       .size = 1,
                       .flow = Flow::kTrap,
                       .target = std::nullopt,
                       .bytes = {std::to_integer<uint8_t>(code.front())},
                       .text = {},
                       .written = {},
                       .stores = true};
  }
  Instruction result;
  result.address = address;
  result.size = static_cast<uint8_t>(insn_->size);
  result.flow = FlowOf();
  result.target = TargetOf(result.flow);
  result.bytes.assign(insn_->bytes, insn_->bytes + insn_->size);
  result.text = insn_->mnemonic;
  if (insn_->op_str[0] != '\0') result.text += fmt::format(" {}", insn_->op_str);
  ASSIGN_OR_RETURN(result.written, WrittenBy());
  result.stores = Stores();
  return result;
}

}  // namespace

absl::StatusOr<std::vector<Instruction>> Disassemble(const ElfFile& file, uint64_t address,
                                                     uint64_t size) {
  const auto code = file.ReadAddress(address, size);
  if (!code) {
    return MakeError(absl::StatusCode::kOutOfRange, "FUNCTION_OUT_OF_RANGE",
                     fmt::format("{} has no {} bytes of code at {:#x}", file.name(), size, address),
                     {{"path", file.name()}});
  }
  ASSIGN_OR_RETURN(Decoder decoder, Decoder::Make());
  std::vector<Instruction> instructions;
  for (uint64_t offset = 0; offset < size; offset += instructions.back().size) {
    ASSIGN_OR_RETURN(Instruction next, decoder.Next(code->subspan(offset), address + offset));
    instructions.push_back(std::move(next));
  }
  return instructions;
}

bool KernelEmulates(const std::vector<uint8_t>& bytes) {
  const auto is = [&bytes](size_t size, uint8_t first, uint8_t last, size_t at = 0) {
    return bytes.size() == size && bytes[at] >= first && bytes[at] <= last;
  };
  const bool nop = is(1, 0x90, 0x90);
  const bool push = is(1, 0x50, 0x57) || (is(2, 0x50, 0x57, 1) && bytes[0] == 0x41);
  const bool jump = is(2, 0xeb, 0xeb) || is(5, 0xe9, 0xe9);
  const bool call = is(5, 0xe8, 0xe8);
  const bool conditional = is(2, 0x70, 0x7f) || (is(6, 0x80, 0x8f, 1) && bytes[0] == 0x0f);
  return nop || push || jump || call || conditional;
}

}  // namespace uprobed::elf
