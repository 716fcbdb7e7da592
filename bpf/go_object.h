/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GO_OBJECT_H_
#define UPROBED_BPF_GO_OBJECT_H_

/* Fields of Go structs that were read at once (bpf/scratch.h). */
#include "bpf/go_read.h"
#include "bpf/scratch.h"

/* Reads the UP_OBJECT_* at `address`; false, and no field of it is there, where that fails. */
static __always_inline bool read_object(const struct up_profile_slot* profile, uint32_t kind,
                                        uint64_t address, struct go_object* object) {
  uint64_t size = profile->object_bytes[kind];
  object->size = 0;
  /* Keeps clang from reading it anew: the verifier must see the bound on this register. */
  asm volatile("" : "+r"(size));
  if (size > UP_OBJECT_MAX || bpf_probe_read_user(object->bytes, size, (const void*)address))
    return false;
  object->size = size;
  return size;
}

/* Where in the object the field is; NULL where the profile does not have it, or it was not read. */
static __always_inline const char* find_in_object(const struct up_profile_slot* profile,
                                                  enum up_field field,
                                                  const struct go_object* object) {
  uint64_t at = profile->offset[field];
  asm volatile("" : "+r"(at));
  if (!has_field(profile, field) || at > UP_OBJECT_MAX - UP_OBJECT_FIELD ||
      at + UP_OBJECT_FIELD > object->size)
    return 0;
  return object->bytes + at;
}

static __always_inline bool object_word(const struct up_profile_slot* profile, enum up_field field,
                                        const struct go_object* object, uint64_t* value) {
  const char* at = find_in_object(profile, field, object);
  if (!at) return false;
  *value = *(const uint64_t*)at;
  return true;
}

/* A field of two words: a string, an interface. */
static __always_inline bool object_pair(const struct up_profile_slot* profile, enum up_field field,
                                        const struct go_object* object, uint64_t* first,
                                        uint64_t* second) {
  const char* at = find_in_object(profile, field, object);
  if (!at) return false;
  *first = *(const uint64_t*)at;
  *second = *(const uint64_t*)(at + sizeof(*first));
  return true;
}

#endif /* UPROBED_BPF_GO_OBJECT_H_ */
