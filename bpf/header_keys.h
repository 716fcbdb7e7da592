/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_HEADER_KEYS_H_
#define UPROBED_BPF_HEADER_KEYS_H_

/* Whether an http.Header has a key of one name, in whatever case: a program may write keys into the
 * map that are not canonical, and net/http sends them as they are. Other than go_map.h, which takes
 * a header that it does not find for absent, this says so only where each key has been looked at.
 */
#include "bpf/go_map.h"

enum header_search { HEADER_ABSENT, HEADER_PRESENT, HEADER_UNKNOWN };

#define LOWER_CASE_WORD 0x2020202020202020ULL
#define LOWER_CASE_TAIL 0x202020ULL

/* src/runtime/map.go, hmap: the flags stand before B, and behind the buckets those that the map has
 * outgrown, from which its keys are moved one by one. These are half as many, unless it is only
 * tidied up. */
#define BUCKETS_SAME_SIZE_GROW 8

/* A group is read in halves, because a program's stack has 512 bytes. */
#define HALF_GROUP (GO_SLOTS / 2)

/* Reads the keys' string headers, into every `apart` words, at once if that can be, as read_part.
 */
static __always_inline void read_keys(uint64_t keys, uint64_t* words, const uint32_t size,
                                      const uint32_t apart, const uint32_t count) {
  if (bpf_probe_read_user(words, size, (const void*)keys) == 0) return;
  /* Without asking, as in is_key. */
  _Pragma("unroll") for (uint32_t i = 0; i < count; i++) bpf_probe_read_user(
      &words[i * apart], GO_STRING_SIZE, (const void*)(keys + i * apart * sizeof(uint64_t)));
}

/* As is_key. Setting the bit makes a letter of no byte that is none. */
static __noinline uint32_t is_traceparent_in_any_case(uint64_t address) {
  uint64_t data, text[2] = {};
  if (bpf_probe_read_user(&data, sizeof(data), (const void*)address)) return false;
  if (bpf_probe_read_user(text, TRACEPARENT_KEY_LENGTH, (const void*)data)) return false;
  return !(((text[0] | LOWER_CASE_WORD) ^ (TRACEPARENT_KEY_HEAD | LOWER_CASE_WORD)) |
           ((text[1] | LOWER_CASE_TAIL) ^ (TRACEPARENT_KEY_TAIL | LOWER_CASE_TAIL)));
}

/* As find_key. */
static __always_inline enum header_search search_keys(uint64_t keys, const uint64_t* words,
                                                      const uint32_t apart, const uint32_t count) {
  _Pragma("unroll") for (uint32_t i = 0; i < count; i++) {
    if (words[i * apart + 1] == TRACEPARENT_KEY_LENGTH &&
        is_traceparent_in_any_case(keys + i * apart * sizeof(uint64_t)))
      return HEADER_PRESENT;
  }
  return HEADER_ABSENT;
}

static __noinline enum header_search search_bucket(uint64_t bucket) {
  uint64_t keys[GO_SLOTS * GO_STRING_SIZE / 8];
  read_keys(bucket + BUCKET_KEYS, keys, sizeof(keys), GO_STRING_SIZE / 8, GO_SLOTS);
  return search_keys(bucket + BUCKET_KEYS, keys, GO_STRING_SIZE / 8, GO_SLOTS);
}

static __noinline enum header_search search_chain(uint64_t bucket) {
  for (int i = 0; i < MAX_CHAIN; i++) {
    enum header_search found = search_bucket(bucket);
    if (found != HEADER_ABSENT) return found;
    if (bpf_probe_read_user(&bucket, sizeof(bucket), (const void*)(bucket + BUCKET_OVERFLOW)))
      return HEADER_UNKNOWN;
    if (!bucket) return HEADER_ABSENT;
  }
  return HEADER_UNKNOWN;
}

static __noinline enum header_search search_buckets(uint64_t buckets, uint64_t number) {
  for (uint32_t i = 0; i < MAX_PARTS; i++) {
    if (i >= number) return HEADER_ABSENT;
    enum header_search found = search_chain(buckets + i * BUCKET_SIZE);
    if (found != HEADER_ABSENT) return found;
  }
  return number > MAX_PARTS ? HEADER_UNKNOWN : HEADER_ABSENT;
}

static __noinline enum header_search search_half_group(uint64_t slots) {
  uint64_t keys[HALF_GROUP * GROUP_SLOT_SIZE / 8];
  read_keys(slots, keys, sizeof(keys), GROUP_SLOT_SIZE / 8, HALF_GROUP);
  return search_keys(slots, keys, GROUP_SLOT_SIZE / 8, HALF_GROUP);
}

static __always_inline enum header_search search_group(uint64_t group) {
  enum header_search found = search_half_group(group + GROUP_SLOTS);
  return found != HEADER_ABSENT
             ? found
             : search_half_group(group + GROUP_SLOTS + HALF_GROUP * GROUP_SLOT_SIZE);
}

static __noinline enum header_search search_groups(uint64_t groups, uint64_t length_mask) {
  for (uint32_t i = 0; i < MAX_PARTS; i++) {
    if (i > length_mask) return HEADER_ABSENT;
    enum header_search found = search_group(groups + i * GROUP_SIZE);
    if (found != HEADER_ABSENT) return found;
  }
  return length_mask >= MAX_PARTS ? HEADER_UNKNOWN : HEADER_ABSENT;
}

static __noinline enum header_search search_bucket_map(const struct up_profile_slot* profile,
                                                       uint64_t map) {
  uint64_t count, buckets[2];
  uint8_t flags_and_b[2];
  if (!read_field(profile, UP_FIELD_HMAP_COUNT, map, &count)) return HEADER_UNKNOWN;
  if (count == 0) return HEADER_ABSENT;
  if (!has_field(profile, UP_FIELD_HMAP_BUCKETS) || !has_field(profile, UP_FIELD_HMAP_B) ||
      bpf_probe_read_user(buckets, sizeof(buckets),
                          (const void*)field_address(profile, UP_FIELD_HMAP_BUCKETS, map)) ||
      bpf_probe_read_user(flags_and_b, sizeof(flags_and_b),
                          (const void*)(field_address(profile, UP_FIELD_HMAP_B, map) - 1)))
    return HEADER_UNKNOWN;
  uint64_t number = 1ULL << (flags_and_b[1] & 63);
  enum header_search found = search_buckets(buckets[0], number);
  if (found != HEADER_ABSENT || !buckets[1]) return found;
  return search_buckets(buckets[1], flags_and_b[0] & BUCKETS_SAME_SIZE_GROW ? number : number / 2);
}

/* A map of up to eight entries has no directory, and no group before the first of them. */
static __noinline enum header_search search_swiss_map(const struct up_profile_slot* profile,
                                                      uint64_t map) {
  uint64_t word, groups;
  if (!read_field(profile, UP_FIELD_SWISS_MAP_DIR_PTR, map, &groups) ||
      !read_field(profile, UP_FIELD_SWISS_MAP_DIR_LEN, map, &word))
    return HEADER_UNKNOWN;
  if (!groups) return HEADER_ABSENT;
  if (word == 0) return search_groups(groups, 0);
  if (word != 1 || !read_word(groups, &word) ||
      !read_field(profile, UP_FIELD_SWISS_TABLE_GROUPS, word, &groups) ||
      !read_field(profile, UP_FIELD_SWISS_TABLE_LENGTH_MASK, word, &word))
    return HEADER_UNKNOWN;
  return search_groups(groups, word);
}

/* Whether the header map at `map` has the key "Traceparent". */
static __always_inline enum header_search search_traceparent(const struct up_profile_slot* profile,
                                                             uint64_t map) {
  if (!map) return HEADER_ABSENT;
  switch (profile->map_kind) {
    case UP_MAP_BUCKETS:
      return search_bucket_map(profile, map);
    case UP_MAP_SWISS:
      return search_swiss_map(profile, map);
    default:
      return HEADER_UNKNOWN;
  }
}

#endif /* UPROBED_BPF_HEADER_KEYS_H_ */
