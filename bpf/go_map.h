/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GO_MAP_H_
#define UPROBED_BPF_GO_MAP_H_

#include "bpf/go_object.h"
#include "bpf/maps.h"

/* Finds one key in a Go map[string][]string, an http.Header or a metadata.MD, by a bounded walk: no
 * hashing, because the hash function depends on the CPU and a per-process seed. Larger maps than
 * the bounds are not walked to their end, and the header then counts as absent. Slots that are
 * empty need no look at their control byte: their memory is zero, and a key that was deleted has
 * lost its pointer (src/runtime/map_faststr.go; src/internal/runtime/maps/map.go, Delete). */

#define GO_SLOTS 8 /* abi.OldMapBucketCount (<= 1.23), abi.SwissMapGroupSlots (>= 1.24) */
#define GO_STRING_SIZE 16
#define GO_SLICE_SIZE 24

/* src/runtime/map.go, bmap: tophash [8]uint8, 8 keys, 8 values, overflow *bmap. */
#define BUCKET_KEYS GO_SLOTS
#define BUCKET_VALUES (BUCKET_KEYS + GO_SLOTS * GO_STRING_SIZE)
#define BUCKET_OVERFLOW (BUCKET_VALUES + GO_SLOTS * GO_SLICE_SIZE)
#define BUCKET_SIZE (BUCKET_OVERFLOW + 8)

/* src/internal/runtime/maps/group.go: ctrl uint64, 8 slots of key and element. */
#define GROUP_SLOTS 8
#define GROUP_SLOT_SIZE (GO_STRING_SIZE + GO_SLICE_SIZE)
#define GROUP_SIZE (GROUP_SLOTS + GO_SLOTS * GROUP_SLOT_SIZE)

/* How many buckets or groups of a map are looked at, and buckets in each one's place. */
#define MAX_PARTS 8
#define MAX_CHAIN 2

#define WORD 8
#define GO_MAP_PART_SIZE (GO_MAP_PART_WORDS * WORD)
#define SMALLEST_PAGE 4096
_Static_assert(BUCKET_SIZE == GO_MAP_PART_SIZE && GROUP_SIZE <= BUCKET_SIZE,
               "a part fits into the walk");

/* "traceparent", little-endian, its first letter as net/textproto canonicalises it, or as gRPC
 * lowers it. */
#define TRACEPARENT_KEY_LENGTH 11
#define TRACEPARENT_KEY_HEAD 0x7261706563617274ULL /* "tracepar" */
#define TRACEPARENT_KEY_TAIL 0x746e65ULL           /* "ent" */
/* "tracestate" likewise. By its length one is told from the other. */
#define TRACESTATE_KEY_LENGTH 10
#define TRACESTATE_KEY_HEAD 0x6174736563617274ULL /* "tracesta" */
#define TRACESTATE_KEY_TAIL 0x6574ULL             /* "te" */
#define KEY_LOWER_FIRST 0x20ULL

/* Whether the string at `data`, which is as long as the key, is the key. Like those below not
 * inlined: most of what differs inside is forgotten at the return, so that the verifier follows
 * what calls it not once for each way through it. They are static all the same: kernels from 6.10
 * to 6.14 refuse calls of global functions where preemption is disabled (kernel/bpf/verifier.c,
 * check_func_call). */
static __noinline uint32_t is_key(uint64_t data, uint64_t key_length) {
  uint64_t text[2] = {};
  /* What cannot be read is zero then (kernel/trace/bpf_trace.c, bpf_probe_read_user_common), which
   * is no key: to ask would be a way more for the verifier. */
  if (key_length == TRACESTATE_KEY_LENGTH) {
    bpf_probe_read_user(text, TRACESTATE_KEY_LENGTH, (const void*)data);
    text[0] ^= TRACESTATE_KEY_HEAD;
    text[1] ^= TRACESTATE_KEY_TAIL;
  } else {
    bpf_probe_read_user(text, TRACEPARENT_KEY_LENGTH, (const void*)data);
    text[0] ^= TRACEPARENT_KEY_HEAD;
    text[1] ^= TRACEPARENT_KEY_TAIL;
  }
  return !((text[0] & ~KEY_LOWER_FIRST) | text[1]);
}

/* Reads a bucket or a group, at once if that can be: a slot that was never used may lie on a page
 * that nothing was written to, which is then not there, and those before it on one that is. What
 * has been read is not read again for the next key. */
static __noinline int read_part(struct go_map_walk* walk, uint64_t address, uint32_t words) {
  uint64_t size = words * WORD;
  uint64_t in_page = SMALLEST_PAGE - address % SMALLEST_PAGE;
  if (walk->address == address) return true;
  walk->address = address;
  if (size > GO_MAP_PART_SIZE || bpf_probe_read_user(walk->words, size, (const void*)address) == 0)
    return true;
  if (in_page >= size || in_page >= GO_MAP_PART_SIZE) return false;
  /* Without asking, as in is_key. */
  uint64_t behind = size - in_page;
  asm volatile("" : "+r"(behind));
  if (behind > GO_MAP_PART_SIZE) return false;
  bpf_probe_read_user(walk->words, in_page, (const void*)address);
  bpf_probe_read_user((char*)walk->words + in_page, behind, (const void*)(address + in_page));
  return false;
}

/* The number of the slot, of those whose keys' string headers are `apart` words from each other
 * from word `first` on, that has the key; GO_SLOTS where none has it. */
static __always_inline uint32_t find_key(const struct go_map_walk* walk, const uint32_t first,
                                         const uint32_t apart, uint64_t key_length) {
  _Pragma("unroll") for (uint32_t i = 0; i < GO_SLOTS; i++) {
    if (walk->words[first + i * apart + 1] == key_length &&
        is_key(walk->words[first + i * apart], key_length))
      return i;
  }
  return GO_SLOTS;
}

/* Address of the []string whose number in the part is `slot`, or 0. */
static __always_inline uint64_t take_values(struct go_map_walk* walk, const uint32_t first,
                                            const uint32_t apart, uint32_t slot) {
  uint64_t word = FORGOTTEN(first + slot * apart);
  if (slot >= GO_SLOTS || word >= GO_MAP_PART_WORDS) return 0;
  walk->values = walk->words[word];
  return walk->address + word * WORD;
}

#define BUCKET_WORD(offset) ((offset) / WORD)

/* A bucket and those that overflow it. */
static __noinline uint64_t find_in_chain(struct go_map_walk* walk, uint64_t bucket,
                                         uint64_t key_length) {
  for (int i = 0; i < MAX_CHAIN; i++) {
    read_part(walk, bucket, BUCKET_WORD(BUCKET_SIZE));
    uint32_t slot = find_key(walk, BUCKET_WORD(BUCKET_KEYS), GO_STRING_SIZE / WORD, key_length);
    if (slot < GO_SLOTS)
      return take_values(walk, BUCKET_WORD(BUCKET_VALUES), GO_SLICE_SIZE / WORD, slot);
    bucket = walk->words[BUCKET_WORD(BUCKET_OVERFLOW)];
    if (!bucket) return 0;
  }
  return 0;
}

static __noinline uint64_t find_in_group(struct go_map_walk* walk, uint64_t group,
                                         uint64_t key_length) {
  const uint32_t keys = GROUP_SLOTS / WORD, apart = GROUP_SLOT_SIZE / WORD;
  read_part(walk, group, GROUP_SIZE / WORD);
  return take_values(walk, keys + GO_STRING_SIZE / WORD, apart,
                     find_key(walk, keys, apart, key_length));
}

/* Address of the []string of one of the keys, told by its length, in the map that was opened, or 0.
 */
static __noinline uint64_t find_values(struct go_map_walk* walk, uint64_t key_length) {
  for (uint32_t i = 0; i < MAX_PARTS; i++) {
    if (i > walk->last) return 0;
    uint64_t values = walk->kind == UP_MAP_SWISS
                          ? find_in_group(walk, walk->parts + i * GROUP_SIZE, key_length)
                          : find_in_chain(walk, walk->parts + i * BUCKET_SIZE, key_length);
    if (values) return values;
  }
  return 0;
}

/* The number of buckets and of groups is a power of two. */
static __always_inline bool open_bucket_map(const struct up_profile_slot* profile,
                                            const struct go_object* map, struct go_map_walk* walk) {
  const char* log2_buckets = find_in_object(profile, UP_FIELD_HMAP_B, map);
  if (!log2_buckets) return false;
  walk->last = (1ULL << (*log2_buckets & 31)) - 1;
  return object_word(profile, UP_FIELD_HMAP_BUCKETS, map, &walk->parts);
}

static __always_inline bool open_swiss_map(const struct up_profile_slot* profile,
                                           const struct go_object* map, struct go_map_walk* walk) {
  uint64_t length, table;
  if (!object_word(profile, UP_FIELD_SWISS_MAP_DIR_PTR, map, &walk->parts) ||
      !object_word(profile, UP_FIELD_SWISS_MAP_DIR_LEN, map, &length))
    return false;
  walk->last = 0;
  /* A map of up to eight entries has no directory: the pointer is that of its only group. */
  if (length == 0) return true;
  /* A second table comes with more than 1024 slots (src/internal/runtime/maps/table.go,
   * maxTableCapacity), which is more than is walked. */
  return length == 1 && read_word(walk->parts, &table) &&
         read_field(profile, UP_FIELD_SWISS_TABLE_GROUPS, table, &walk->parts) &&
         read_field(profile, UP_FIELD_SWISS_TABLE_LENGTH_MASK, table, &walk->last);
}

/* Makes ready to find keys in the map at `map`; false where it has none. len() takes what a map
 * begins with for the number of its keys (src/runtime/map.go, hmap;
 * src/internal/runtime/maps/map.go, Map). */
static __noinline int open_map(uint32_t slot, uint64_t map, struct scratch* scratch) {
  const struct up_profile_slot* profile = bpf_map_lookup_elem(&profile_slots, &slot);
  struct go_map_walk* walk = &scratch->walk;
  if (!profile || !read_object(profile, UP_OBJECT_MAP, map, &scratch->other) ||
      *(const uint64_t*)scratch->other.bytes == 0)
    return false;
  walk->address = 0;
  walk->kind = profile->map_kind;
  switch (walk->kind) {
    case UP_MAP_BUCKETS:
      return open_bucket_map(profile, &scratch->other, walk) && walk->parts;
    case UP_MAP_SWISS:
      return open_swiss_map(profile, &scratch->other, walk) && walk->parts;
    default:
      return false;
  }
}

#endif /* UPROBED_BPF_GO_MAP_H_ */
