/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GO_READ_H_
#define UPROBED_BPF_GO_READ_H_

#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/abi/profile_slot.h"
#include "bpf/counting.h"

/* Bounded reads of Go values from the memory of the current process. */

/* A Go string header (src/runtime/string.go: stringStruct). */
struct go_string {
  uint64_t data;
  uint64_t length;
};

/* A value of an interface of errors. Its itab (src/internal/abi/iface.go) has the interface's type,
 * the value's, a hash and the code of the methods, of which Error is the first: they are sorted. */
struct go_error {
  uint64_t itab;
  uint64_t data;
};

/* The same 64-bit value, of which the verifier has forgotten what it knew: it follows what comes
 * behind, and each turn of a loop, once for each combination of what is known and what is not. */
#define FORGOTTEN(value)                    \
  ({                                        \
    uint64_t from = (value);                \
    volatile uint32_t halves[2];            \
    halves[0] = from;                       \
    halves[1] = from >> 32;                 \
    (uint64_t) halves[1] << 32 | halves[0]; \
  })

/* The second word of an interface (src/runtime/runtime2.go: iface, eface). */
#define GO_INTERFACE_DATA 8

#define GO_ITAB_TYPE 8
#define GO_ITAB_FIRST_METHOD 24

static __always_inline bool has_field(const struct up_profile_slot* profile, enum up_field field) {
  return profile->present[field / UP_FIELDS_OF_WORD] & (1ULL << (field % UP_FIELDS_OF_WORD));
}

static __always_inline uint64_t field_address(const struct up_profile_slot* profile,
                                              enum up_field field, uint64_t base) {
  return base + profile->offset[field];
}

/* Reads a word-sized field; false where the profile does not have it or the memory is not there. */
static __always_inline bool read_field(const struct up_profile_slot* profile, enum up_field field,
                                       uint64_t base, uint64_t* value) {
  return has_field(profile, field) &&
         bpf_probe_read_user(value, sizeof(*value),
                             (const void*)field_address(profile, field, base)) == 0;
}

static __always_inline bool read_word(uint64_t address, uint64_t* value) {
  return bpf_probe_read_user(value, sizeof(*value), (const void*)address) == 0;
}

/* Where the header of the string in a field is; 0 where the profile does not have it. */
static __always_inline uint64_t string_address(const struct up_profile_slot* profile,
                                               enum up_field field, uint64_t base) {
  return has_field(profile, field) ? field_address(profile, field, base) : 0;
}

#endif /* UPROBED_BPF_GO_READ_H_ */
