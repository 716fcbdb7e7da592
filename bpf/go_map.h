/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GO_MAP_H_
#define UPROBED_BPF_GO_MAP_H_

#include "bpf/go_read.h"

/* Finds one key in an http.Header, a Go map[string][]string, by a bounded walk: no hashing, because
 * the hash function depends on the CPU and a per-process seed. Larger maps than the bounds are not
 * walked to their end, and the header then counts as absent. */

#define GO_SLOTS 8 /* abi.OldMapBucketCount (<= 1.23), abi.SwissMapGroupSlots (>= 1.24) */
#define GO_STRING_SIZE 16
#define GO_SLICE_SIZE 24

/* src/runtime/map.go, bmap: tophash [8]uint8, 8 keys, 8 values, overflow *bmap. */
#define BUCKET_KEYS GO_SLOTS
#define BUCKET_VALUES (BUCKET_KEYS + GO_SLOTS * GO_STRING_SIZE)
#define BUCKET_OVERFLOW (BUCKET_VALUES + GO_SLOTS * GO_SLICE_SIZE)
#define BUCKET_SIZE (BUCKET_OVERFLOW + 8)
#define BUCKET_MIN_TOP_HASH 5 /* minTopHash: smaller values mark empty and evacuated slots */

/* src/internal/runtime/maps/group.go: ctrl uint64, 8 slots of key and element. */
#define GROUP_SLOTS 8
#define GROUP_SLOT_SIZE (GO_STRING_SIZE + GO_SLICE_SIZE)
#define GROUP_SIZE (GROUP_SLOTS + GO_SLOTS * GROUP_SLOT_SIZE)
#define GROUP_CTRL_EMPTY 0x80 /* the top bit: empty or deleted */

#define MAX_BUCKETS 8
#define MAX_OVERFLOWS 2
#define MAX_TABLES 2
#define MAX_GROUPS 8

#define TRACEPARENT_KEY_LENGTH 11
/* "Traceparent", as net/textproto canonicalises it, in two overlapping words. */
#define TRACEPARENT_KEY_HEAD 0x7261706563617254ULL /* "Tracepar", little-endian */
#define TRACEPARENT_KEY_TAIL 0x746e657261706563ULL /* "ceparent" */

/* Whether the string header at `address` is the key. */
static __always_inline bool is_traceparent_key(uint64_t address) {
  struct go_string key;
  uint64_t head, tail;
  if (bpf_probe_read_user(&key, sizeof(key), (const void*)address)) return false;
  if (key.length != TRACEPARENT_KEY_LENGTH) return false;
  if (bpf_probe_read_user(&head, sizeof(head), (const void*)key.data)) return false;
  if (bpf_probe_read_user(&tail, sizeof(tail),
                          (const void*)(key.data + TRACEPARENT_KEY_LENGTH - sizeof(tail))))
    return false;
  return head == TRACEPARENT_KEY_HEAD && tail == TRACEPARENT_KEY_TAIL;
}

/* Address of the []string that belongs to the key, or 0. Not inlined: verified once, called often.
 */
static __noinline uint64_t find_in_bucket(uint64_t bucket) {
  uint8_t top_hash[GO_SLOTS];
  if (bpf_probe_read_user(top_hash, sizeof(top_hash), (const void*)bucket)) return 0;
  for (int i = 0; i < GO_SLOTS; i++) {
    if (top_hash[i] < BUCKET_MIN_TOP_HASH) continue;
    if (is_traceparent_key(bucket + BUCKET_KEYS + i * GO_STRING_SIZE))
      return bucket + BUCKET_VALUES + i * GO_SLICE_SIZE;
  }
  return 0;
}

static __noinline uint64_t find_in_group(uint64_t group) {
  uint8_t ctrl[GO_SLOTS];
  if (bpf_probe_read_user(ctrl, sizeof(ctrl), (const void*)group)) return 0;
  for (int i = 0; i < GO_SLOTS; i++) {
    if (ctrl[i] & GROUP_CTRL_EMPTY) continue;
    uint64_t slot = group + GROUP_SLOTS + i * GROUP_SLOT_SIZE;
    if (is_traceparent_key(slot)) return slot + GO_STRING_SIZE;
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
  uint32_t bucket_count = log2_buckets < 4 ? 1U << log2_buckets : MAX_BUCKETS;
  for (uint32_t i = 0; i < MAX_BUCKETS; i++) {
    if (i >= bucket_count) break;
    uint64_t bucket = buckets + i * BUCKET_SIZE;
    for (int chain = 0; chain < MAX_OVERFLOWS; chain++) {
      uint64_t value = find_in_bucket(bucket);
      if (value) return value;
      if (bpf_probe_read_user(&bucket, sizeof(bucket), (const void*)(bucket + BUCKET_OVERFLOW)) ||
          !bucket)
        break;
    }
  }
  return 0;
}

static __always_inline uint64_t find_in_swiss_map(const struct up_profile_slot* profile,
                                                  uint64_t map) {
  uint64_t directory, directory_length;
  if (!read_field(profile, UP_FIELD_SWISS_MAP_DIR_PTR, map, &directory) || !directory) return 0;
  if (!read_field(profile, UP_FIELD_SWISS_MAP_DIR_LEN, map, &directory_length)) return 0;
  /* A map of up to eight entries has no directory: the pointer is that of its only group. */
  if (directory_length == 0) return find_in_group(directory);
  for (uint32_t i = 0; i < MAX_TABLES; i++) {
    uint64_t table, groups, length_mask;
    if (i >= directory_length) break;
    if (bpf_probe_read_user(&table, sizeof(table), (const void*)(directory + i * 8))) return 0;
    if (!read_field(profile, UP_FIELD_SWISS_TABLE_GROUPS, table, &groups) ||
        !read_field(profile, UP_FIELD_SWISS_TABLE_LENGTH_MASK, table, &length_mask))
      return 0;
    for (uint32_t j = 0; j < MAX_GROUPS; j++) {
      if (j > length_mask) break;
      uint64_t value = find_in_group(groups + j * GROUP_SIZE);
      if (value) return value;
    }
  }
  return 0;
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
