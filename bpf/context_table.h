/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_CONTEXT_TABLE_H_
#define UPROBED_BPF_CONTEXT_TABLE_H_

/* Which request a context.Context belongs to. A table of our own, because the kernel's hash takes a
 * lock and a copy for each insert and each delete, which each request needs one of, and nearly no
 * request is ever looked for. What is found is no more than a hint: who finds it asks the request
 * whether the context is its own (bpf/request_context.h), so an entry may be seen half written. */
#include "bpf/ids.h"
#include "bpf/maps.h"

/* Contexts of 96 bytes are allocated one behind the other, so many bytes of them share a bucket:
 * that of the last request is then in the CPU's cache. Where requests that are served at a time
 * have filled it, the next bucket is anywhere. */
#define CONTEXT_BYTES_LOG2 8
#define CONTEXT_BUCKETS 2

/* The first or the second bucket where a context may be. */
static __always_inline struct up_context_bucket* bucket_of(uint64_t context, uint32_t tgid,
                                                           uint32_t number) {
  uint64_t near = context >> CONTEXT_BYTES_LOG2 ^ context >> 24 ^ tgid;
  uint64_t far = (context ^ tgid) * GOLDEN_GAMMA >> 32;
  uint32_t index = (number == 0 ? near : far) & (UP_CONTEXT_BUCKETS - 1);
  return bpf_map_lookup_elem(&server_contexts, &index);
}

static __always_inline bool is_entry_of(const struct up_context* entry, uint64_t context,
                                        uint32_t tgid) {
  return entry->context == context && entry->tgid == tgid;
}

/* Where there is no room, what is called on other goroutines stays a root. With 20000 requests
 * being served at a time that happens to fewer than one in 1000. */
static __noinline int put_context(const struct up_context* context) {
  for (uint32_t number = 0; number < CONTEXT_BUCKETS; number++) {
    struct up_context_bucket* bucket = bucket_of(context->context, context->tgid, number);
    if (!bucket) return false;
    _Pragma("unroll") for (uint32_t way = 0; way < UP_CONTEXT_WAYS; way++) {
      struct up_context* entry = &bucket->entries[way];
      if (entry->context || __sync_val_compare_and_swap(&entry->context, 0, context->context))
        continue;
      entry->tgid = context->tgid;
      entry->slot = context->slot;
      entry->is_connection = context->is_connection;
      entry->itab = context->itab;
      entry->goroutine = context->goroutine;
      return true;
    }
  }
  return false;
}

static __noinline int find_context(uint64_t context, uint32_t tgid, struct up_context* found) {
  for (uint32_t number = 0; number < CONTEXT_BUCKETS; number++) {
    const struct up_context_bucket* bucket = bucket_of(context, tgid, number);
    if (!bucket) return false;
    _Pragma("unroll") for (uint32_t way = 0; way < UP_CONTEXT_WAYS; way++) {
      if (!is_entry_of(&bucket->entries[way], context, tgid)) continue;
      *found = bucket->entries[way];
      return true;
    }
  }
  return false;
}

/* It may not be there, which is all that can fail. */
static __noinline int remove_context(uint64_t context, uint32_t tgid) {
  for (uint32_t number = 0; number < CONTEXT_BUCKETS; number++) {
    struct up_context_bucket* bucket = bucket_of(context, tgid, number);
    if (!bucket) return false;
    _Pragma("unroll") for (uint32_t way = 0; way < UP_CONTEXT_WAYS; way++) {
      if (!is_entry_of(&bucket->entries[way], context, tgid)) continue;
      *(volatile uint64_t*)&bucket->entries[way].context = 0;
      return true;
    }
  }
  return false;
}

#endif /* UPROBED_BPF_CONTEXT_TABLE_H_ */
