/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GO_MAP_H_
#define UPROBED_BPF_GO_MAP_H_

#include "bpf/go_read.h"

/* Finds one key in an http.Header, a Go map[string][]string, by a bounded walk: no hashing, because
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

#define TRACEPARENT_KEY_LENGTH 11
/* "Traceparent", as net/textproto canonicalises it, little-endian. */
#define TRACEPARENT_KEY_HEAD 0x7261706563617254ULL /* "Tracepar" */
#define TRACEPARENT_KEY_TAIL 0x746e65ULL           /* "ent" */

/* Whether the string header at `address`, of a string that is as long as the key, is the key. Like
 * those below not inlined: what differs inside is forgotten at the return, so that the verifier
 * follows each once for each call, and not what calls it once for each way through it. */
static __noinline uint32_t is_traceparent_key(uint64_t address) {
  uint64_t data, text[2] = {};
  if (bpf_probe_read_user(&data, sizeof(data), (const void*)address)) return false;
  if (bpf_probe_read_user(text, TRACEPARENT_KEY_LENGTH, (const void*)data)) return false;
  return !((text[0] ^ TRACEPARENT_KEY_HEAD) | (text[1] ^ TRACEPARENT_KEY_TAIL));
}

/* The number of the slot, of `count`, that has the key, or `count`. The keys' string headers are
 * read already, into every `apart` words; they are in the program's memory from `keys` on. */
static __always_inline uint32_t find_key(uint64_t keys, const uint64_t* words, const uint32_t apart,
                                         const uint32_t count) {
  _Pragma("unroll") for (uint32_t i = 0; i < count; i++) {
    if (words[i * apart + 1] == TRACEPARENT_KEY_LENGTH &&
        is_traceparent_key(keys + i * apart * sizeof(uint64_t)))
      return i;
  }
  return count;
}

/* Address of the []string that belongs to the key, or 0. */
static __noinline uint64_t find_in_bucket(uint64_t bucket) {
  uint64_t keys[GO_SLOTS * GO_STRING_SIZE / 8];
  if (bpf_probe_read_user(keys, sizeof(keys), (const void*)(bucket + BUCKET_KEYS))) return 0;
  uint32_t slot = find_key(bucket + BUCKET_KEYS, keys, GO_STRING_SIZE / 8, GO_SLOTS);
  return slot < GO_SLOTS ? bucket + BUCKET_VALUES + slot * GO_SLICE_SIZE : 0;
}

/* A group is read in halves, because a program's stack has 512 bytes. */
#define HALF_GROUP (GO_SLOTS / 2)
static __noinline uint64_t find_in_half_group(uint64_t slots) {
  uint64_t keys[HALF_GROUP * GROUP_SLOT_SIZE / 8];
  if (bpf_probe_read_user(keys, sizeof(keys), (const void*)slots)) return 0;
  uint32_t slot = find_key(slots, keys, GROUP_SLOT_SIZE / 8, HALF_GROUP);
  return slot < HALF_GROUP ? slots + slot * GROUP_SLOT_SIZE + GO_STRING_SIZE : 0;
}

/* A bucket and those that overflow it. */
static __noinline uint64_t find_in_chain(uint64_t bucket) {
  for (int i = 0; i < MAX_CHAIN; i++) {
    uint64_t value = find_in_bucket(bucket);
    if (value) return value;
    if (bpf_probe_read_user(&bucket, sizeof(bucket), (const void*)(bucket + BUCKET_OVERFLOW)))
      return 0;
    if (!bucket) return 0;
  }
  return 0;
}

static __noinline uint64_t find_in_group(uint64_t group) {
  uint64_t value = find_in_half_group(group + GROUP_SLOTS);
  return value ? value : find_in_half_group(group + GROUP_SLOTS + HALF_GROUP * GROUP_SLOT_SIZE);
}

/* The first groups of a table, whose number is a power of two. */
static __noinline uint64_t find_in_groups(uint64_t groups, uint64_t length_mask) {
  for (uint32_t i = 0; i < MAX_GROUPS; i++) {
    if (i > length_mask) return 0;
    uint64_t value = find_in_group(groups + i * GROUP_SIZE);
    if (value) return value;
  }
  return 0;
}

static __always_inline uint64_t find_in_bucket_map(const struct up_profile_slot* profile,
                                                   uint64_t map) {
  uint64_t count, buckets;
  uint8_t log2_buckets;
  if (!read_field(profile, UP_FIELD_HMAP_COUNT, map, &count) || count == 0) return 0;
  if (!read_field(profile, UP_FIELD_HMAP_BUCKETS, map, &buckets) ||
      !has_field(profile, UP_FIELD_HMAP_B))
    return 0;
  if (bpf_probe_read_user(&log2_buckets, sizeof(log2_buckets),
                          (const void*)field_address(profile, UP_FIELD_HMAP_B, map)))
    return 0;
  for (uint32_t i = 0; i < MAX_BUCKETS; i++) {
    if (i >> (log2_buckets & 31)) return 0;
    uint64_t value = find_in_chain(buckets + i * BUCKET_SIZE);
    if (value) return value;
  }
  return 0;
}

static __always_inline uint64_t find_in_swiss_map(const struct up_profile_slot* profile,
                                                  uint64_t map) {
  uint64_t directory, directory_length, table, groups, length_mask;
  if (!read_field(profile, UP_FIELD_SWISS_MAP_DIR_PTR, map, &directory) || !directory) return 0;
  if (!read_field(profile, UP_FIELD_SWISS_MAP_DIR_LEN, map, &directory_length)) return 0;
  /* A map of up to eight entries has no directory: the pointer is that of its only group. */
  if (directory_length == 0) return find_in_group(directory);
  /* A second table comes with more than 1024 slots (src/internal/runtime/maps/table.go,
   * maxTableCapacity), which is more than is walked. */
  if (directory_length != 1 || bpf_probe_read_user(&table, sizeof(table), (const void*)directory))
    return 0;
  if (!read_field(profile, UP_FIELD_SWISS_TABLE_GROUPS, table, &groups) ||
      !read_field(profile, UP_FIELD_SWISS_TABLE_LENGTH_MASK, table, &length_mask))
    return 0;
  return find_in_groups(groups, length_mask);
}

/* Address of the []string of "Traceparent" in the header map at `map`, or 0. */
static __always_inline uint64_t find_traceparent(const struct up_profile_slot* profile,
                                                 uint64_t map) {
  switch (profile->map_kind) {
    case UP_MAP_BUCKETS:
      return find_in_bucket_map(profile, map);
    case UP_MAP_SWISS:
      return find_in_swiss_map(profile, map);
    default:
      return 0;
  }
}

#endif /* UPROBED_BPF_GO_MAP_H_ */
