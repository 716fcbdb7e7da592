/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_COUNTING_H_
#define UPROBED_BPF_COUNTING_H_

#include "bpf/maps.h"

static __always_inline struct up_counters* counters_of(uint32_t slot) {
  return bpf_map_lookup_elem(&counters, &slot);
}

/* Atomic although per CPU: a program may be preempted on kernels without preemption.h's kfuncs. */
static __always_inline void count(struct up_counters* of, enum up_counter counter) {
  __sync_fetch_and_add(&of->value[counter], 1);
}

#endif /* UPROBED_BPF_COUNTING_H_ */
