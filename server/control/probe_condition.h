#ifndef UPROBED_SERVER_CONTROL_PROBE_CONDITION_H_
#define UPROBED_SERVER_CONTROL_PROBE_CONDITION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace uprobed::control {

// What can be said of a probe, each by itself, where its state and error tell the worst of it.
enum class ConditionType : uint8_t {
  kAttached,          // what the target is now is attached
  kComplete,          // and all that was asked for with it
  kFieldsConsistent,  // and what requests say is what the fields can have
  kWithinBudget,      // and nothing is left out for what it costs
};
inline constexpr size_t kConditionTypes = 4;
std::string_view Name(ConditionType type);  // "Attached"

enum class ConditionStatus : uint8_t { kUnknown, kTrue, kFalse };

struct ProbeCondition {
  ConditionStatus status = ConditionStatus::kUnknown;
  absl::Status error;                   // why it is false
  int64_t transition_time_unix_ns = 0;  // of `status`
};
// By type.
using ProbeConditions = std::array<ProbeCondition, kConditionTypes>;

// What is said of a condition: a stable reason, "SITES_ATTACHED", and a sentence for a person.
struct ConditionText {
  std::string reason;
  std::string message;
};
ConditionText TextOf(ConditionType type, const ProbeCondition& condition);

// OK: true. Else false.
ProbeCondition MakeCondition(absl::Status error);
// Gives each of `now` the time since when it is so: that of `before`, or `now_unix_ns`.
void SetTransitionTimes(const ProbeConditions& before, int64_t now_unix_ns, ProbeConditions& now);
// Whether more than the times differs.
bool Differ(const ProbeConditions& a, const ProbeConditions& b);

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_PROBE_CONDITION_H_
