#ifndef UPROBED_SERVER_RPC_CONVERT_SPAN_LIMITS_H_
#define UPROBED_SERVER_RPC_CONVERT_SPAN_LIMITS_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/span_limits.h"
#include "uprobed/v1/probe.pb.h"

namespace uprobed::rpc {

void FillSpanLimits(const SpanLimits& from, v1::SpanLimits& to);

// INVALID_ARGUMENT SPAN_LIMITS_INVALID naming the field.
absl::StatusOr<SpanLimits> FromProto(const v1::SpanLimits& limits);

// Paths below Probe that an update may name.
const std::vector<std::string>& SpanLimitsFields();
// Replaces those of `fields` in `current` by what is wanted.
void ApplySpanLimits(const SpanLimits& wanted, const std::set<std::string>& fields,
                     SpanLimits& current);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_CONVERT_SPAN_LIMITS_H_
