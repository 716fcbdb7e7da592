#ifndef UPROBED_SERVER_CONTROL_OVERHEAD_GOVERNOR_H_
#define UPROBED_SERVER_CONTROL_OVERHEAD_GOVERNOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace uprobed::control {

// How much a probe does, from all to nothing. The order is that of stepping down.
enum class ThrottleLevel : uint8_t {
  kNone,         // all that was asked for
  kSampled,      // spans of kSampledKeepRatio of the traces; complete metrics
  kMetricsOnly,  // no spans; complete metrics
  kSuspended,    // detached
};
inline constexpr size_t kThrottleLevels = 4;
inline constexpr double kSampledKeepRatio = 0.1;

std::string_view Name(ThrottleLevel level);  // "metrics_only"
// How much of the traces becomes spans.
double SpanKeepRatio(ThrottleLevel level);

// How often each level was reached.
using ThrottleChanges = std::array<uint64_t, kThrottleLevels>;

// What the hits of a probe cost within some time.
struct OverheadLoad {
  double hits_per_second = 0;
  double ratio = 0;  // of one CPU
};

// Keeps a probe within its budget by its level: pure logic, which is given what is measured and a
// clock.
//
// Down: one level with each measurement above the budget. Measured once a second, a probe under
// full load is suspended after four seconds.
//
// Up: one level, where the load has been small enough for kFirstHoldNs. Small enough means that at
// the level above it would cost less than kComfort of the budget, by what a hit cost there when it
// was measured last; so a load that only just fits one level is not tried at the one above. Where
// it was over the budget again soon after, the next step up waits twice as long, up to kLongestNs.
//
// A suspended probe measures nothing. So it is attached again for a trial, at kMetricsOnly, after
// kFirstTrialNs, and if that is over the budget again after twice as long, and so on, up to
// kLongestNs; but never before what the measurement has cost is made good, so that trials
// keep the budget, too, where it does not ask for more than kLongestNs.
//
// Thread: the owner's only.
class OverheadGovernor {
 public:
  static constexpr double kComfort = 0.8;
  static constexpr uint64_t kFirstHoldNs = 5'000'000'000;
  static constexpr uint64_t kFirstTrialNs = 5'000'000'000;
  static constexpr uint64_t kLongestNs = 300'000'000'000;
  // Over the budget so soon after a step up: that step was the cause.
  static constexpr uint64_t kRelapseNs = 30'000'000'000;

  // `budget` is above 0.
  explicit OverheadGovernor(double budget) : budget_(budget) {}

  // One step at `now_ns`; `load` is what was measured since the last one that had any. Returns
  // whether the level has changed.
  bool Advance(uint64_t now_ns, const std::optional<OverheadLoad>& load);

  ThrottleLevel level() const { return level_; }
  // Of a suspended probe: how long from its suspension to the next trial.
  uint64_t trial_delay_ns() const { return trial_delay_ns_; }

 private:
  bool StepDown(uint64_t now_ns, double ratio);
  bool StepUp(uint64_t now_ns);
  bool IsComfortableAbove(const OverheadLoad& load) const;

  double budget_;
  ThrottleLevel level_ = ThrottleLevel::kNone;
  // What a hit cost at each level when it was measured last; 0: never.
  std::array<double, kThrottleLevels> hit_cost_{};
  std::optional<uint64_t> measured_ns_;
  std::optional<uint64_t> comfortable_since_ns_;
  std::optional<uint64_t> stepped_up_ns_;
  bool on_trial_ = false;
  uint64_t hold_ns_ = kFirstHoldNs;
  uint64_t next_trial_delay_ns_ = kFirstTrialNs;
  uint64_t trial_delay_ns_ = 0;
  uint64_t suspended_ns_ = 0;
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_OVERHEAD_GOVERNOR_H_
