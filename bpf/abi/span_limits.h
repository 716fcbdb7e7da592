/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_ABI_SPAN_LIMITS_H_
#define UPROBED_BPF_ABI_SPAN_LIMITS_H_

#include "bpf/abi/types.h"

/* User to kernel: which requests of a slot become spans. Looked at only where the slot has
 * UP_SLOT_LIMITED; a filter without entries lets everything pass. */

#define UP_LIMIT_METHODS 8
#define UP_LIMIT_METHOD_WORDS 2 /* UP_METHOD_MAX */
#define UP_LIMIT_PREFIXES 8
#define UP_LIMIT_PREFIX_WORDS 8
#define UP_LIMIT_PREFIX_MAX 64

/* The random bits of a trace id: the last ones (W3C Trace Context Level 2, "random-trace-id"). */
#define UP_SAMPLE_BITS 56
#define UP_BUDGET_NO_SPANS (1ULL << UP_SAMPLE_BITS)

/* up_span_limits.flags */
#define UP_LIMIT_SAMPLES 0x1 /* traces are sampled, so a parent's decision is obeyed */

/* Bit in up_span_limits.status_classes: n for nxx; this one where there was no response. */
#define UP_STATUS_CLASS_NONE 0
#define UP_STATUS_CLASS_MAX 5

/* As it begins in memory, and which bits of that count. */
struct up_path_prefix {
  uint64_t text[UP_LIMIT_PREFIX_WORDS];
  uint64_t mask[UP_LIMIT_PREFIX_WORDS];
};

struct up_span_limits {
  uint64_t min_duration_ns;
  /* A trace that begins here is sampled where its random bits are not below it: what
   * OpenTelemetry's consistent probability sampling calls the threshold. */
  uint64_t sample_threshold;
  /* A span more is let through each so many nanoseconds, up to a burst that takes so long to
   * become available again. 0: no limit. */
  uint64_t rate_interval_ns;
  uint64_t rate_burst_ns; /* of all but the first */
  /* Not the user's, but of the probe's budget of overhead: a request whose trace has random bits
   * below it becomes no span, whoever began the trace. UP_BUDGET_NO_SPANS: none does. */
  uint64_t budget_threshold;
  uint32_t flags;
  uint32_t status_classes; /* 0: all */
  uint32_t method_count;
  uint32_t prefix_count;
  uint64_t methods[UP_LIMIT_METHODS][UP_LIMIT_METHOD_WORDS]; /* padded with zeros */
  struct up_path_prefix prefixes[UP_LIMIT_PREFIXES];
};
UP_ABI_OFFSET(struct up_span_limits, flags, 40);
UP_ABI_OFFSET(struct up_span_limits, methods, 56);
UP_ABI_ASSERT(sizeof(struct up_span_limits) == 1208);

#endif /* UPROBED_BPF_ABI_SPAN_LIMITS_H_ */
