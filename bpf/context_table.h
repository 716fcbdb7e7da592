/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_CONTEXT_TABLE_H_
#define UPROBED_BPF_CONTEXT_TABLE_H_

/* Which request a context.Context belongs to. A table of our own, because the kernel's hash takes a
 * lock and a copy for each insert and each delete, which each request needs one of, and nearly no
 * request is ever looked for. What is found is no more than a hint: who finds it asks the request
 * whether the context is its own (bpf/request_context.h), so an entry may be seen half written. */
#include "bpf/ids.h"
#include "bpf/maps.h"

/* The first of the entries where a context may be. */
static __always_inline uint32_t first_way(uint64_t context, uint32_t tgid) {
  uint64_t hash = (context ^ (uint64_t)tgid << 48 ^ tgid) * GOLDEN_GAMMA;
  return (hash >> (64 - UP_CONTEXT_BUCKET_BITS)) * UP_CONTEXT_WAYS;
}

static __always_inline bool is_entry_of(const struct up_context* entry, uint64_t context,
                                        uint32_t tgid) {
  return entry->context == context && entry->tgid == tgid;
}

/* Where there is no room, what is called on other goroutines stays a root. That is where five of as
 * many contexts as requests are being served fall into the same one of 16384 places: about one of
 * 10^7 with 1000 of them. */
static __noinline int put_context(const struct up_context* context) {
  uint32_t first = first_way(context->context, context->tgid);
  for (uint32_t way = 0; way < UP_CONTEXT_WAYS; way++) {
    uint32_t index = first + way;
    struct up_context* entry = bpf_map_lookup_elem(&server_contexts, &index);
    if (!entry) return false;
    if (entry->context || __sync_val_compare_and_swap(&entry->context, 0, context->context))
      continue;
    entry->tgid = context->tgid;
    entry->slot = context->slot;
    entry->itab = context->itab;
    entry->goroutine = context->goroutine;
    return true;
  }
  return false;
}

static __always_inline const struct up_context* find_context(uint64_t context, uint32_t tgid) {
  uint32_t first = first_way(context, tgid);
  for (uint32_t way = 0; way < UP_CONTEXT_WAYS; way++) {
    uint32_t index = first + way;
    const struct up_context* entry = bpf_map_lookup_elem(&server_contexts, &index);
    if (entry && is_entry_of(entry, context, tgid)) return entry;
  }
  return 0;
}

/* It may not be there, which is all that can fail. */
static __noinline int remove_context(uint64_t context, uint32_t tgid) {
  uint32_t first = first_way(context, tgid);
  for (uint32_t way = 0; way < UP_CONTEXT_WAYS; way++) {
    uint32_t index = first + way;
    struct up_context* entry = bpf_map_lookup_elem(&server_contexts, &index);
    if (!entry || !is_entry_of(entry, context, tgid)) continue;
    *(volatile uint64_t*)&entry->context = 0;
    return true;
  }
  return false;
}

#endif /* UPROBED_BPF_CONTEXT_TABLE_H_ */
