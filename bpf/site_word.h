/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_SITE_WORD_H_
#define UPROBED_BPF_SITE_WORD_H_

#include "bpf/abi/site_cookie.h"
#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

/* A word that a site's cookie locates (UP_WORD_*); 0 where it does not. */
static __always_inline uint64_t word_at(const struct pt_regs* regs, uint64_t where) {
  uint64_t value = 0;
  where &= UP_COOKIE_WORD_MASK;
  if (where == UP_WORD_NONE) return 0;
  if (where < UP_WORD_STACK)
    bpf_probe_read_kernel(&value, sizeof(value), (const char*)regs + (where - 1) * sizeof(value));
  else
    bpf_probe_read_user(&value, sizeof(value),
                        (const void*)(regs->sp + (where - UP_WORD_STACK) * sizeof(value)));
  return value;
}

#endif /* UPROBED_BPF_SITE_WORD_H_ */
