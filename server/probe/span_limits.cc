#include "server/probe/span_limits.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "bpf/abi/http_event.h"
#include "bpf/abi/profile_slot.h"

namespace uprobed::probe {
namespace {

constexpr double kNanosPerSecond = 1e9;

void FillMethods(const SpanLimits& from, up_span_limits& to) {
  static_assert(sizeof(to.methods[0]) == UP_METHOD_MAX);
  for (const std::string& method : from.methods) {
    if (to.method_count == UP_LIMIT_METHODS || method.size() > UP_METHOD_MAX) break;
    std::memcpy(to.methods[to.method_count++], method.data(), method.size());
  }
}

void FillPrefixes(const SpanLimits& from, up_span_limits& to) {
  static_assert(sizeof(up_path_prefix::text) == UP_LIMIT_PREFIX_MAX);
  for (const std::string& prefix : from.path_prefixes) {
    if (to.prefix_count == UP_LIMIT_PREFIXES || prefix.size() > UP_LIMIT_PREFIX_MAX) break;
    up_path_prefix& filled = to.prefixes[to.prefix_count++];
    std::memcpy(filled.text, prefix.data(), prefix.size());
    std::memset(filled.mask, 0xff, prefix.size());
  }
}

void FillRate(const SpanLimits& from, up_span_limits& to) {
  if (from.spans_per_second <= 0) return;
  // Rounded so that the rate is never exceeded.
  to.rate_interval_ns = static_cast<uint64_t>(std::ceil(kNanosPerSecond / from.spans_per_second));
  const auto second = static_cast<uint64_t>(std::ceil(from.spans_per_second));
  const uint64_t burst = from.burst == 0 ? std::max<uint64_t>(second, 1) : from.burst;
  to.rate_burst_ns = (burst - 1) * to.rate_interval_ns;
}

uint64_t ThresholdOf(double ratio) {
  return static_cast<uint64_t>(std::llround(std::ldexp(1 - ratio, UP_SAMPLE_BITS)));
}

}  // namespace

uint32_t SpanLimitFlags(const SpanLimits& limits, double keep_ratio) {
  SpanLimits looked_up = limits;
  looked_up.only_while_streamed = false;
  uint32_t flags = looked_up.any() || keep_ratio < 1 ? UP_SLOT_LIMITED : 0;
  if (limits.only_while_streamed) flags |= UP_SLOT_ONLY_STREAMED;
  return flags;
}

up_span_limits MakeSpanLimits(const SpanLimits& limits, double keep_ratio) {
  up_span_limits result{};
  FillMethods(limits, result);
  FillPrefixes(limits, result);
  FillRate(limits, result);
  result.status_classes = limits.status_classes;
  result.min_duration_ns = static_cast<uint64_t>(limits.min_duration_ns);
  if (limits.sample_ratio.has_value()) {
    result.flags |= UP_LIMIT_SAMPLES;
    result.sample_threshold = ThresholdOf(*limits.sample_ratio);
  }
  // Both look at the same bits of the trace id: a tenth of a tenth is a hundredth.
  if (keep_ratio < 1) {
    result.budget_threshold = ThresholdOf(keep_ratio * limits.sample_ratio.value_or(1));
  }
  return result;
}

}  // namespace uprobed::probe
