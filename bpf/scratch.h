/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_SCRATCH_H_
#define UPROBED_BPF_SCRATCH_H_

#include "bpf/abi/request_metrics.h"
#include "bpf/counting.h"

/* Room for the record of a request that may become no event: it is too large for the stack. A
 * program may be preempted by another of the same CPU on kernels without preemption.h's kfuncs, so
 * a scratch has one owner at a time, who says so in one atomic step. */
#define SCRATCHES 4

struct scratch {
  uint64_t taken;
  /* The counter of why it becomes no event, as far as that is known; 0: not known to. */
  uint64_t cause;
  struct up_http_event event;
  struct up_trace_state trace_state; /* behind the event, as in the ring buffer */
  struct up_request_key key;
};
_Static_assert(__builtin_offsetof(struct scratch, trace_state) ==
                   __builtin_offsetof(struct scratch, event) + sizeof(struct up_http_event),
               "no gap in the record");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SCRATCHES);
  __type(key, uint32_t);
  __type(value, struct scratch);
} scratches SEC(".maps");

/* The strings that a label is made of, which stand together in the record. */
#define SCRATCH_TEXT_OFFSET __builtin_offsetof(struct up_http_event, method)
#define SCRATCH_TEXT_SIZE (__builtin_offsetof(struct up_http_event, peer) - SCRATCH_TEXT_OFFSET)

/* NULL where so many programs are preempted on this CPU that all are taken. */
static __always_inline struct scratch* take_scratch(uint64_t cause) {
  for (uint32_t i = 0; i < SCRATCHES; i++) {
    uint32_t key = i;
    struct scratch* scratch = bpf_map_lookup_elem(&scratches, &key);
    if (!scratch) return 0;
    if (__sync_val_compare_and_swap(&scratch->taken, 0, 1)) continue;
    scratch->cause = cause;
    __builtin_memset((char*)&scratch->event + SCRATCH_TEXT_OFFSET, 0, SCRATCH_TEXT_SIZE);
    return scratch;
  }
  return 0;
}

static __always_inline void release_scratch(struct scratch* scratch) {
  __sync_lock_test_and_set(&scratch->taken, 0);
}

#endif /* UPROBED_BPF_SCRATCH_H_ */
