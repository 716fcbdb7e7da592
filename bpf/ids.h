/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_IDS_H_
#define UPROBED_BPF_IDS_H_

/* Numbers that nobody else draws, for ids of traces and spans: each CPU counts on from where chance
 * has put it, and mixes (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014;
 * the constants are splitmix64's). A count gives three numbers, each from a beginning of its own,
 * so that 128 bits are the same only where two CPUs began equally far from each other in two. The
 * kernel's own numbers cost more than all the rest of an id, 32 bits at a time. */
#include "bpf/counting.h"

#define GOLDEN_GAMMA 0x9e3779b97f4a7c15ULL
#define MIX_FIRST 0xbf58476d1ce4e5b9ULL
#define MIX_SECOND 0x94d049bb133111ebULL

struct ids {
  uint64_t trace[2];
  uint64_t span;
};

struct id_sequence {
  uint64_t drawn;
  struct ids begins; /* 0 before the first */
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, uint32_t);
  __type(value, struct id_sequence);
} id_sequences SEC(".maps");

static __always_inline uint64_t random_begin(void) {
  return (uint64_t)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32() | 1;
}

/* Never 0, which means "none". Without a branch, which the verifier would follow twice. */
static __always_inline uint64_t mix_id(uint64_t word) {
  word = (word ^ word >> 30) * MIX_FIRST;
  word = (word ^ word >> 27) * MIX_SECOND;
  word ^= word >> 31;
  return word | (~word & (word - 1)) >> 63;
}

/* Who is preempted here by another of the same CPU draws another number; what both have begun is
 * overwritten, and still a beginning. */
static __noinline int draw_ids(struct ids* ids) {
  uint32_t zero = 0;
  struct id_sequence* sequence = bpf_map_lookup_elem(&id_sequences, &zero);
  if (!sequence) return false;
  if (!sequence->begins.span) {
    sequence->begins.trace[0] = random_begin();
    sequence->begins.trace[1] = random_begin();
    sequence->begins.span = random_begin();
  }
  uint64_t distance = __sync_fetch_and_add(&sequence->drawn, 1) * GOLDEN_GAMMA;
  ids->trace[0] = mix_id(sequence->begins.trace[0] + distance);
  ids->trace[1] = mix_id(sequence->begins.trace[1] + distance);
  ids->span = mix_id(sequence->begins.span + distance);
  return true;
}

#endif /* UPROBED_BPF_IDS_H_ */
