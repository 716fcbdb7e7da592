#ifndef UPROBED_SERVER_ELF_CAPSTONE_DECODER_H_
#define UPROBED_SERVER_ELF_CAPSTONE_DECODER_H_

#include <capstone/capstone.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/elf/architecture.h"

namespace uprobed::elf {

// INTERNAL DISASSEMBLER_FAILED.
absl::Status DisassemblerFailed(std::string_view what, cs_err error);

// Capstone, opened for one architecture, with one instruction that each decoding reuses.
// Thread: one at a time.
class CapstoneDecoder {
 public:
  static absl::StatusOr<CapstoneDecoder> Open(Architecture architecture);
  CapstoneDecoder(CapstoneDecoder&& other) noexcept;
  CapstoneDecoder& operator=(CapstoneDecoder&&) = delete;
  ~CapstoneDecoder();

  // Decodes the instruction at the start of `code` into insn(); whether it could.
  bool Decode(std::span<const std::byte> code, uint64_t address);

  csh handle() const { return handle_; }
  const cs_insn* insn() const { return insn_; }
  // "call 0x4644a0"
  std::string Text() const;

 private:
  CapstoneDecoder(csh handle, cs_insn* insn) : handle_(handle), insn_(insn) {}

  csh handle_;
  cs_insn* insn_;
};

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_CAPSTONE_DECODER_H_
