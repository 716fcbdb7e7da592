/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_RECORD_TEXT_H_
#define UPROBED_BPF_RECORD_TEXT_H_

/* Strings of the program, put behind the record that is being made. */
#include "bpf/go_object.h"

static __always_inline void mark_unread(struct up_http_record* event, int string) {
  event->unread |= 1 << string;
  event->flags |= UP_FLAG_READ_FAULT;
}

/* Makes string number `string` what the next `length` bytes of the text are. */
static __always_inline void set_string(struct up_http_record* event, int string, uint64_t begin,
                                       uint64_t length) {
  event->begins[string] = begin;
  event->lengths[string] = length;
}

/* Reads `length` bytes, at most `capacity`, to behind the record's text; where they are, or 0. */
static __always_inline uint64_t append_text(struct up_http_record* event, uint64_t data,
                                            uint64_t length, uint32_t capacity) {
  struct scratch* scratch = scratch_of(event);
  uint64_t at = scratch->size;
  /* Keeps clang from reading them anew: the verifier must see the bounds on these registers. */
  asm volatile("" : "+r"(length), "+r"(at));
  if (length > capacity || at > SCRATCH_TEXT_LAST ||
      bpf_probe_read_user((char*)event + at, length, (const void*)data))
    return 0;
  scratch->size = at + length;
  return at;
}

/* Copies the string into string number `string` of the record, at most `capacity` bytes, and says
 * there whether it was cut or could not be read. */
static __always_inline void copy_string(struct up_http_record* event, int string, uint32_t capacity,
                                        const struct go_string* from) {
  uint64_t length = from->length;
  event->lengths[string] = 0;
  if (length == 0) return;
  if (length > capacity) {
    length = capacity;
    event->truncated |= 1 << string;
  }
  uint64_t at = append_text(event, from->data, length, capacity);
  if (at)
    set_string(event, string, at, length);
  else
    mark_unread(event, string);
}

/* The same of one whose header is at `address`. */
static __always_inline void copy_string_at(struct up_http_record* event, int string,
                                           uint32_t capacity, uint64_t address) {
  struct go_string from;
  event->lengths[string] = 0;
  if (bpf_probe_read_user(&from, sizeof(from), (const void*)address))
    mark_unread(event, string);
  else
    copy_string(event, string, capacity, &from);
}

/* The same of one in a field of what is at `base`. */
static __always_inline void copy_string_field(const struct up_profile_slot* profile,
                                              enum up_field field, uint64_t base,
                                              struct up_http_record* event, int string,
                                              uint32_t capacity) {
  if (has_field(profile, field))
    copy_string_at(event, string, capacity, field_address(profile, field, base));
}

/* The same of one in a field of an object. */
static __always_inline void copy_object_string(const struct up_profile_slot* profile,
                                               enum up_field field, const struct go_object* object,
                                               struct up_http_record* event, int string,
                                               uint32_t capacity) {
  struct go_string from;
  if (!has_field(profile, field)) return;
  if (object_pair(profile, field, object, &from.data, &from.length))
    copy_string(event, string, capacity, &from);
  else
    mark_unread(event, string);
}

#endif /* UPROBED_BPF_RECORD_TEXT_H_ */
