/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_CONDITION_H_
#define UPROBED_BPF_CONDITION_H_

/* Whether a condition (bpf/abi/site_cookie.h) is met. Pure functions of numbers, which a test in
 * user space compiles for both architectures. */
#include "bpf/abi/site_cookie.h"

#define X86_CARRY 0x001
#define X86_PARITY 0x004
#define X86_ZERO 0x040
#define X86_SIGN 0x080
#define X86_OVERFLOW 0x800

/* Intel SDM volume 1, appendix B. The lowest bit of the condition negates it. */
static __always_inline bool amd64_flags_meet(uint64_t condition, uint64_t flags) {
  bool less = !(flags & X86_SIGN) != !(flags & X86_OVERFLOW);
  bool met = false;
  switch (condition >> 1) {
    case 0:
      met = flags & X86_OVERFLOW;
      break;
    case 1:
      met = flags & X86_CARRY;
      break;
    case 2:
      met = flags & X86_ZERO;
      break;
    case 3:
      met = flags & (X86_CARRY | X86_ZERO);
      break;
    case 4:
      met = flags & X86_SIGN;
      break;
    case 5:
      met = flags & X86_PARITY;
      break;
    case 6:
      met = less;
      break;
    case 7:
      met = less || (flags & X86_ZERO);
      break;
  }
  return met != (condition & 1);
}

#define ARM64_NEGATIVE 0x80000000
#define ARM64_ZERO 0x40000000
#define ARM64_CARRY 0x20000000
#define ARM64_OVERFLOW 0x10000000
#define ARM64_ALWAYS 7

/* Arm ARM C1.2.4. The lowest bit of the condition negates it, but "always" is so with either. */
static __always_inline bool arm64_flags_meet(uint64_t condition, uint64_t pstate) {
  bool less = !(pstate & ARM64_NEGATIVE) != !(pstate & ARM64_OVERFLOW);
  bool met = false;
  switch (condition >> 1) {
    case 0:
      met = pstate & ARM64_ZERO;
      break;
    case 1:
      met = pstate & ARM64_CARRY;
      break;
    case 2:
      met = pstate & ARM64_NEGATIVE;
      break;
    case 3:
      met = pstate & ARM64_OVERFLOW;
      break;
    case 4:
      met = (pstate & ARM64_CARRY) && !(pstate & ARM64_ZERO);
      break;
    case 5:
      met = !less;
      break;
    case 6:
      met = !less && !(pstate & ARM64_ZERO);
      break;
    case ARM64_ALWAYS:
      return true;
  }
  return met != (condition & 1);
}

/* A condition on the bits of a register that holds `value`. */
static __always_inline bool bits_meet(uint64_t condition, uint64_t value) {
  uint64_t first = condition >> UP_CONDITION_FIRST_BIT_SHIFT & UP_CONDITION_FIRST_BIT_MASK;
  if (condition & UP_CONDITION_LOW_HALF) value &= 0xffffffff;
  value >>= first;
  if (condition & UP_CONDITION_ONE_BIT) value &= 1;
  return (value == 0) != !!(condition & UP_CONDITION_NOT_ZERO);
}

#endif /* UPROBED_BPF_CONDITION_H_ */
