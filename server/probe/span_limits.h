#ifndef UPROBED_SERVER_PROBE_SPAN_LIMITS_H_
#define UPROBED_SERVER_PROBE_SPAN_LIMITS_H_

#include <cstdint>

#include "bpf/abi/span_limits.h"
#include "server/base/span_limits.h"

namespace uprobed::probe {

// The limits that are flags of the slot: UP_SLOT_LIMITED where there are any that the programs have
// to look up, UP_SLOT_ONLY_STREAMED.
uint32_t SpanLimitFlags(const SpanLimits& limits, double keep_ratio = 1);

// As the BPF programs want those, who have no floating point. What exceeds the room there is left
// out; the API refuses it. `keep_ratio` is how much of the traces the probe's budget of overhead
// leaves, of those that the limits let pass.
up_span_limits MakeSpanLimits(const SpanLimits& limits, double keep_ratio = 1);

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_SPAN_LIMITS_H_
