#ifndef UPROBED_SERVER_ELF_ARM64_WORD_H_
#define UPROBED_SERVER_ELF_ARM64_WORD_H_

#include <cstdint>

namespace uprobed::elf::arm64 {

// The fields of an AArch64 instruction, and what kind it is of.

inline constexpr uint64_t kWordSize = 4;

// `count` bits of a word from bit `first`.
constexpr uint32_t Bits(uint32_t word, int first, int count) {
  return word >> first & ((uint32_t{1} << count) - 1);
}

// The groups of Arm ARM C4.1, and the instructions in them that matter here.
inline bool IsBranch(uint32_t word) { return (word & 0xfc000000) == 0x14000000; }
inline bool IsBranchAndLink(uint32_t word) { return (word & 0xfc000000) == 0x94000000; }
inline bool IsBranchIfFlags(uint32_t word) { return (word & 0xff000010) == 0x54000000; }
inline bool IsCompareAndBranch(uint32_t word) { return (word & 0x7e000000) == 0x34000000; }
inline bool IsTestAndBranch(uint32_t word) { return (word & 0x7e000000) == 0x36000000; }
inline bool IsBranchToRegister(uint32_t word) { return (word & 0xfe000000) == 0xd6000000; }
// blr, and its forms that authenticate the pointer.
inline bool IsBranchAndLinkToRegister(uint32_t word) {
  return IsBranchToRegister(word) && Bits(word, 21, 3) == 1;
}
inline bool IsException(uint32_t word) { return (word & 0xff000000) == 0xd4000000; }
inline bool IsSystemCall(uint32_t word) { return (word & 0xffe0001f) == 0xd4000001; }  // svc
inline bool IsBranchOrSystem(uint32_t word) { return (word & 0x1c000000) == 0x14000000; }
inline bool IsMrs(uint32_t word) { return (word & 0xfff00000) == 0xd5300000; }
inline bool IsBarrier(uint32_t word) { return (word & 0xfffff000) == 0xd5033000; }
inline bool IsAddress(uint32_t word) { return (word & 0x1f000000) == 0x10000000; }  // adr, adrp
inline bool IsLiteralLoad(uint32_t word) { return (word & 0x3b000000) == 0x18000000; }
inline bool IsExclusive(uint32_t word) { return (word & 0x3f800000) == 0x08000000; }
inline bool IsMemoryCopyOrSet(uint32_t word) { return (word & 0x3b200c00) == 0x19000400; }
inline constexpr uint32_t kNop = 0xd503201f;

// Zeroes between functions are udf; the first four groups hold nothing that Go's compiler writes.
inline bool IsReserved(uint32_t word) { return Bits(word, 27, 2) == 0; }

}  // namespace uprobed::elf::arm64

#endif  // UPROBED_SERVER_ELF_ARM64_WORD_H_
