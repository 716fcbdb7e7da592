/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GO_MAP_H_
#define UPROBED_BPF_GO_MAP_H_

#include "bpf/go_read.h"
#include "bpf/maps.h"

/* Finds one key in a Go map[string][]string, an http.Header or a metadata.MD, by a bounded walk: no
 * hashing, because
 * the hash function depends on the CPU and a per-process seed. Larger maps than the bounds are not
 * walked to their end, and the header then counts as absent. Slots that are empty need no look at
 * their control byte: their memory is zero, and a key that was deleted has lost its pointer
 * (src/runtime/map_faststr.go; src/internal/runtime/maps/map.go, Delete). */

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

#define MAX_BUCKETS 8
#define MAX_CHAIN 2
#define MAX_GROUPS 8

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

/* Whether the string header at `address`, of a string that is as long as the key, is the key. Like
 * those below not inlined: most of what differs inside is forgotten at the return, so that the
 * verifier follows what calls it not once for each way through it. They are static all the same:
 * kernels from 6.10 to 6.14 refuse calls of global functions where preemption is disabled
 * (kernel/bpf/verifier.c, check_func_call). */
static __noinline uint32_t is_key(uint64_t address, uint64_t key_length) {
  uint64_t data, text[2] = {};
  /* What cannot be read is zero then (kernel/trace/bpf_trace.c, bpf_probe_read_user_common), which
   * is no key: to ask would be a way more for the verifier. */
  bpf_probe_read_user(&data, sizeof(data), (const void*)address);
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

/* The number of the slot, of `count`, that has the key, or `count`. The keys' string headers are
 * read already, into every `apart` words; they are in the program's memory from `keys` on. */
static __always_inline uint32_t find_key(uint64_t keys, const uint64_t* words, const uint32_t apart,
                                         const uint32_t count, uint64_t key_length) {
  _Pragma("unroll") for (uint32_t i = 0; i < count; i++) {
    if (words[i * apart + 1] == key_length &&
        is_key(keys + i * apart * sizeof(uint64_t), key_length))
      return i;
  }
  return count;
}

/* Reads the keys' string headers, at once if that can be: a slot that was never used may lie on a
 * page that nothing was written to, which is then not there, and those before it on one that is. */
static __always_inline void read_keys(uint64_t keys, uint64_t* words, const uint32_t size,
                                      const uint32_t apart, const uint32_t count) {
  if (bpf_probe_read_user(words, size, (const void*)keys) == 0) return;
  /* Without asking, as in is_key. */
  _Pragma("unroll") for (uint32_t i = 0; i < count; i++) bpf_probe_read_user(
      &words[i * apart], GO_STRING_SIZE, (const void*)(keys + i * apart * sizeof(uint64_t)));
}

/* Address of the []string that belongs to the key, or 0. */
static __noinline uint64_t find_in_bucket(uint64_t bucket, uint64_t key_length) {
  uint64_t keys[GO_SLOTS * GO_STRING_SIZE / 8];
  read_keys(bucket + BUCKET_KEYS, keys, sizeof(keys), GO_STRING_SIZE / 8, GO_SLOTS);
  uint32_t slot = find_key(bucket + BUCKET_KEYS, keys, GO_STRING_SIZE / 8, GO_SLOTS, key_length);
  return slot < GO_SLOTS ? bucket + BUCKET_VALUES + slot * GO_SLICE_SIZE : 0;
}

/* A group is read in halves, because a program's stack has 512 bytes. */
#define HALF_GROUP (GO_SLOTS / 2)
static __noinline uint64_t find_in_half_group(uint64_t slots, uint64_t key_length) {
  uint64_t keys[HALF_GROUP * GROUP_SLOT_SIZE / 8];
  read_keys(slots, keys, sizeof(keys), GROUP_SLOT_SIZE / 8, HALF_GROUP);
  uint32_t slot = find_key(slots, keys, GROUP_SLOT_SIZE / 8, HALF_GROUP, key_length);
  return slot < HALF_GROUP ? slots + slot * GROUP_SLOT_SIZE + GO_STRING_SIZE : 0;
}

/* A bucket and those that overflow it. */
static __noinline uint64_t find_in_chain(uint64_t bucket, uint64_t key_length) {
  for (int i = 0; i < MAX_CHAIN; i++) {
    uint64_t value = find_in_bucket(bucket, key_length);
    if (value) return value;
    if (bpf_probe_read_user(&bucket, sizeof(bucket), (const void*)(bucket + BUCKET_OVERFLOW)))
      return 0;
    if (!bucket) return 0;
  }
  return 0;
}

static __always_inline uint64_t find_in_group(uint64_t group, uint64_t key_length) {
  uint64_t slots = group + GROUP_SLOTS;
  uint64_t value = find_in_half_group(slots, key_length);
  return value ? value : find_in_half_group(slots + HALF_GROUP * GROUP_SLOT_SIZE, key_length);
}

/* The first groups of a table, whose number is a power of two. */
static __noinline uint64_t find_in_groups(uint64_t groups, uint64_t length_mask,
                                          uint64_t key_length) {
  for (uint32_t i = 0; i < MAX_GROUPS; i++) {
    if (i > length_mask) return 0;
    uint64_t value = find_in_group(groups + i * GROUP_SIZE, key_length);
    if (value) return value;
  }
  return 0;
}

/* These two use variables again: the frames of all functions that call each other must fit into 512
 * bytes (kernel/bpf/verifier.c, check_max_stack_depth). */
static __always_inline uint64_t find_in_bucket_map(const struct up_profile_slot* profile,
                                                   uint64_t map, uint64_t key_length) {
  uint64_t word;
  uint8_t log2_buckets;
  if (!read_field(profile, UP_FIELD_HMAP_COUNT, map, &word) || word == 0) return 0;
  if (!read_field(profile, UP_FIELD_HMAP_BUCKETS, map, &word) ||
      !has_field(profile, UP_FIELD_HMAP_B))
    return 0;
  if (bpf_probe_read_user(&log2_buckets, sizeof(log2_buckets),
                          (const void*)field_address(profile, UP_FIELD_HMAP_B, map)))
    return 0;
  for (uint32_t i = 0; i < MAX_BUCKETS; i++) {
    if (i >> (log2_buckets & 31)) return 0;
    uint64_t value = find_in_chain(word + i * BUCKET_SIZE, key_length);
    if (value) return value;
  }
  return 0;
}

static __always_inline uint64_t find_in_swiss_map(const struct up_profile_slot* profile,
                                                  uint64_t map, uint64_t key_length) {
  uint64_t word, groups;
  if (!read_field(profile, UP_FIELD_SWISS_MAP_DIR_PTR, map, &groups) || !groups) return 0;
  if (!read_field(profile, UP_FIELD_SWISS_MAP_DIR_LEN, map, &word)) return 0;
  /* A map of up to eight entries has no directory: the pointer is that of its only group. */
  if (word == 0) return find_in_groups(groups, 0, key_length);
  /* A second table comes with more than 1024 slots (src/internal/runtime/maps/table.go,
   * maxTableCapacity), which is more than is walked. */
  if (word != 1 || bpf_probe_read_user(&word, sizeof(word), (const void*)groups)) return 0;
  if (!read_field(profile, UP_FIELD_SWISS_TABLE_GROUPS, word, &groups) ||
      !read_field(profile, UP_FIELD_SWISS_TABLE_LENGTH_MASK, word, &word))
    return 0;
  return find_in_groups(groups, word, key_length);
}

/* Address of the []string of one of the keys, told by its length, in the map at `map`, or 0. */
static __noinline uint64_t find_values(uint32_t slot, uint64_t map, uint64_t key_length) {
  const struct up_profile_slot* profile = bpf_map_lookup_elem(&profile_slots, &slot);
  if (!profile) return 0;
  switch (profile->map_kind) {
    case UP_MAP_BUCKETS:
      return find_in_bucket_map(profile, map, key_length);
    case UP_MAP_SWISS:
      return find_in_swiss_map(profile, map, key_length);
    default:
      return 0;
  }
}

#endif /* UPROBED_BPF_GO_MAP_H_ */
