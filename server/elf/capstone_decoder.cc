#include "server/elf/capstone_decoder.h"

#include <fmt/format.h>

#include <utility>

#include "server/base/errors.h"

namespace uprobed::elf {

absl::Status DisassemblerFailed(std::string_view what, cs_err error) {
  return MakeError(absl::StatusCode::kInternal, "DISASSEMBLER_FAILED",
                   fmt::format("{}: {}", what, cs_strerror(error)));
}

absl::StatusOr<CapstoneDecoder> CapstoneDecoder::Open(Architecture architecture) {
  const bool amd64 = architecture == Architecture::kAmd64;
  csh handle = 0;
  if (const cs_err error = cs_open(amd64 ? CS_ARCH_X86 : CS_ARCH_ARM64,
                                   amd64 ? CS_MODE_64 : CS_MODE_LITTLE_ENDIAN, &handle);
      error != CS_ERR_OK) {
    return DisassemblerFailed("open the disassembler", error);
  }
  CapstoneDecoder decoder(handle, nullptr);
  if (const cs_err error = cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON); error != CS_ERR_OK) {
    return DisassemblerFailed("ask the disassembler for details", error);
  }
  decoder.insn_ = cs_malloc(handle);
  if (decoder.insn_ == nullptr) {
    return DisassemblerFailed("reserve memory to disassemble", cs_errno(handle));
  }
  return decoder;
}

CapstoneDecoder::CapstoneDecoder(CapstoneDecoder&& other) noexcept
    : handle_(std::exchange(other.handle_, 0)), insn_(std::exchange(other.insn_, nullptr)) {}

CapstoneDecoder::~CapstoneDecoder() {
  if (insn_ != nullptr) cs_free(insn_, 1);
  if (handle_ != 0) cs_close(&handle_);
}

bool CapstoneDecoder::Decode(std::span<const std::byte> code, uint64_t address) {
  const auto* cursor = reinterpret_cast<const uint8_t*>(code.data());
  size_t left = code.size();
  return cs_disasm_iter(handle_, &cursor, &left, &address, insn_);
}

std::string CapstoneDecoder::Text() const {
  std::string text = insn_->mnemonic;
  if (insn_->op_str[0] != '\0') text += fmt::format(" {}", insn_->op_str);
  return text;
}

}  // namespace uprobed::elf
