#ifndef UPROBED_SERVER_BASE_SPAN_LIMITS_H_
#define UPROBED_SERVER_BASE_SPAN_LIMITS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace uprobed {

// Which requests of a probe become spans. What is empty or 0 limits nothing.
struct SpanLimits {
  std::vector<std::string> methods{};
  std::vector<std::string> path_prefixes{};
  uint32_t status_classes = 0;  // bit n: nxx; bit 0: no response
  int64_t min_duration_ns = 0;
  std::optional<double> sample_ratio{};  // of the traces that begin here; with it a parent's
                                         // decision is obeyed, whatever the ratio
  double spans_per_second = 0;
  uint32_t burst = 0;                // 0: of one second
  bool only_while_streamed = false;  // of requests that begin while somebody streams spans
  bool operator==(const SpanLimits&) const = default;

  bool any() const { return *this != SpanLimits{}; }
};

}  // namespace uprobed

#endif  // UPROBED_SERVER_BASE_SPAN_LIMITS_H_
