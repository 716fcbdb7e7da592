/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_SCRATCH_H_
#define UPROBED_BPF_SCRATCH_H_

#include "bpf/abi/profile_slot.h"
#include "bpf/abi/request_metrics.h"
#include "bpf/counting.h"

/* Room for what is too large for the stack: the record that is being made, and what is read of the
 * program at once. A program may be preempted by another of the same CPU on kernels without
 * preemption.h's kfuncs, so a scratch has one owner at a time, who says so in one atomic step. */
#define SCRATCHES 4

/* A Go struct that was read at once: a read costs about the same whatever its size, because most of
 * it goes into opening and closing the user's memory. */
struct go_object {
  uint64_t size; /* 0 where it could not be read */
  char bytes[UP_OBJECT_MAX];
};

/* A bucket of a Go map with its keys and values, or a group (bpf/go_map.h). */
#define GO_MAP_PART_WORDS 42
struct go_map_walk {
  uint64_t parts; /* address of the first */
  uint64_t last;  /* how many follow it */
  uint32_t kind;  /* UP_MAP_* */
  uint32_t reserved;
  uint64_t address; /* of what is in .words; 0: nothing */
  /* Twice as many as are used: the verifier knows how long each of two halves may be, but not that
   * one is what the other leaves. */
  uint64_t words[2 * GO_MAP_PART_WORDS];
  uint64_t values; /* of the key that was found: where its first string is */
};

/* The text of a record has its end somewhere below UP_TEXT_MAX, behind that of a trace state; so
 * much more that the verifier, which knows how long a string and what is before it may be, but not
 * their sum, finds it in bounds. */
#define SCRATCH_TEXT_BYTES (sizeof(struct up_trace_state) + UP_TEXT_MAX + UP_TARGET_MAX)
#define SCRATCH_TEXT_LAST \
  (sizeof(struct up_http_record) + sizeof(struct up_trace_state) + UP_TEXT_MAX)

struct scratch {
  uint64_t taken;
  /* The counter of why it becomes no event, as far as that is known; 0: not known to. */
  uint64_t cause;
  uint64_t size; /* of the record so far: where its next string goes */
  struct up_http_record record;
  char text[SCRATCH_TEXT_BYTES]; /* behind the record, as in the ring buffer */
  struct go_object request;
  struct go_object other;
  struct go_map_walk walk;
  struct up_request_key key;
};
_Static_assert(__builtin_offsetof(struct scratch, text) ==
                   __builtin_offsetof(struct scratch, record) + sizeof(struct up_http_record),
               "no gap in the record");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SCRATCHES);
  __type(key, uint32_t);
  __type(value, struct scratch);
} scratches SEC(".maps");

/* NULL where so many programs are preempted on this CPU that all are taken. */
static __always_inline struct scratch* take_scratch(uint64_t cause) {
  for (uint32_t i = 0; i < SCRATCHES; i++) {
    uint32_t key = i;
    struct scratch* scratch = bpf_map_lookup_elem(&scratches, &key);
    if (!scratch) return 0;
    if (__sync_val_compare_and_swap(&scratch->taken, 0, 1)) continue;
    scratch->cause = cause;
    scratch->size = sizeof(scratch->record);
    return scratch;
  }
  return 0;
}

static __always_inline void release_scratch(struct scratch* scratch) {
  __sync_lock_test_and_set(&scratch->taken, 0);
}

/* The scratch that the record is made in. */
static __always_inline struct scratch* scratch_of(struct up_http_record* record) {
  return (struct scratch*)((char*)record - __builtin_offsetof(struct scratch, record));
}

#endif /* UPROBED_BPF_SCRATCH_H_ */
