/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_BRANCH_H_
#define UPROBED_BPF_BRANCH_H_

/* Whether the conditional jump under a site will be taken. */
#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/condition.h"

#if defined(__TARGET_ARCH_x86)

static __always_inline bool will_jump(uint64_t condition, const struct pt_regs* regs) {
  return amd64_flags_meet(condition, regs->flags);
}

#elif defined(__TARGET_ARCH_arm64)

/* The registers are read by the helper, because the verifier lets nobody load from the context at
 * an offset that is not constant. */
static __always_inline bool will_jump(uint64_t condition, const struct pt_regs* regs) {
  uint64_t number = condition & UP_CONDITION_REGISTER_MASK;
  uint64_t value = 0;
  if (!(condition & UP_CONDITION_ON_REGISTER)) return arm64_flags_meet(condition, regs->pstate);
  if (number < ARM64_REGISTERS &&
      bpf_probe_read_kernel(&value, sizeof(value), (const char*)regs + number * sizeof(value)))
    return false;
  return bits_meet(condition, value);
}

#endif

/* Whether the jump goes the way that the cookie names. */
static __always_inline bool takes_the_way(uint64_t cookie, const struct pt_regs* regs) {
  uint64_t condition = cookie >> UP_COOKIE_CONDITION_SHIFT & UP_COOKIE_CONDITION_MASK;
  bool when_taken = cookie & UP_COOKIE_ENDS_WHEN_TAKEN;
  return will_jump(condition, regs) == when_taken;
}

#endif /* UPROBED_BPF_BRANCH_H_ */
