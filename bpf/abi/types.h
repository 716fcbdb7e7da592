/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_ABI_TYPES_H_
#define UPROBED_BPF_ABI_TYPES_H_

/* The only types that cross the border between the BPF programs and the daemon. The headers of
 * this folder are compiled by clang for BPF (C) and by the host compiler (C++), so each states its
 * layout and has it asserted on both sides. */

#ifndef __bpf__
#include <stdint.h>
#else
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
typedef int int32_t;
typedef long long int64_t;
#endif

#ifdef __cplusplus
#define UP_ABI_ASSERT(condition) static_assert(condition, #condition)
#else
#define UP_ABI_ASSERT(condition) _Static_assert(condition, #condition)
#endif

/* __builtin_offsetof, because libbpf's offsetof() is not a constant expression in C. */
#define UP_ABI_OFFSET(type, member, offset) \
  UP_ABI_ASSERT(__builtin_offsetof(type, member) == (offset))

#endif /* UPROBED_BPF_ABI_TYPES_H_ */
