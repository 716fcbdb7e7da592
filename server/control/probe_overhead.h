#ifndef UPROBED_SERVER_CONTROL_PROBE_OVERHEAD_H_
#define UPROBED_SERVER_CONTROL_PROBE_OVERHEAD_H_

#include <cstdint>
#include <map>
#include <optional>

#include "absl/status/status.h"
#include "server/control/attachment_set.h"
#include "server/control/hit_cost_cache.h"
#include "server/control/overhead_governor.h"
#include "server/control/overhead_meter.h"

namespace uprobed::control {

// One probe's overhead: measures it, decides how much the probe may do, and says why.
// Thread: the owner's only.
class ProbeOverhead {
 public:
  // A cost is assumed as long as a probe cannot be near its budget: measuring disturbs others.
  static constexpr double kWorthMeasuring = 0.25;  // of the budget
  static constexpr uint64_t kFreshNs = 900'000'000;
  // Of a probe without a budget, for its metric only.
  static constexpr uint64_t kFreshUnlimitedNs = 10'000'000'000;

  // One step, once a second. `budget` 0: no limit. Another budget than before begins anew. Returns
  // whether the level has changed.
  bool Govern(double budget, uint64_t now_ns, std::map<uint32_t, AttachmentSet::Hits> hits,
              HitCostCache& costs);
  // Begins anew: of a probe that is switched off.
  void Reset();

  ThrottleLevel level() const;
  double ratio() const { return ratio_; }
  const ThrottleChanges& changes() const { return changes_; }
  // RESOURCE_EXHAUSTED OVERHEAD_BUDGET_EXCEEDED while the level is not kNone: the same until it
  // changes.
  const absl::Status& error() const { return error_; }

 private:
  double budget_ = 0;
  OverheadMeter meter_;
  std::optional<OverheadGovernor> governor_;  // none without a budget
  double ratio_ = 0;
  double exceeded_ratio_ = 0;  // the last that was above the budget
  ThrottleChanges changes_{};
  absl::Status error_;
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_PROBE_OVERHEAD_H_
