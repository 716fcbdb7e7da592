#include "server/control/overhead_governor.h"

#include <algorithm>

namespace uprobed::control {
namespace {

ThrottleLevel Below(ThrottleLevel level) {
  return static_cast<ThrottleLevel>(static_cast<uint8_t>(level) + 1);
}

ThrottleLevel Above(ThrottleLevel level) {
  return static_cast<ThrottleLevel>(static_cast<uint8_t>(level) - 1);
}

}  // namespace

std::string_view Name(ThrottleLevel level) {
  switch (level) {
    case ThrottleLevel::kNone:
      return "none";
    case ThrottleLevel::kSampled:
      return "sampled";
    case ThrottleLevel::kMetricsOnly:
      return "metrics_only";
    case ThrottleLevel::kSuspended:
      return "suspended";
  }
  return "unknown";
}

double SpanKeepRatio(ThrottleLevel level) {
  switch (level) {
    case ThrottleLevel::kNone:
      return 1;
    case ThrottleLevel::kSampled:
      return kSampledKeepRatio;
    case ThrottleLevel::kMetricsOnly:
    case ThrottleLevel::kSuspended:
      return 0;
  }
  return 1;
}

bool OverheadGovernor::Advance(uint64_t now_ns, const std::optional<OverheadLoad>& load) {
  if (level_ == ThrottleLevel::kSuspended) {
    if (now_ns - suspended_ns_ < trial_delay_ns_) return false;
    on_trial_ = true;
    measured_ns_ = now_ns;
    return StepUp(now_ns);
  }
  if (!load.has_value()) return false;
  if (load->hits_per_second > 0) {
    hit_cost_[static_cast<size_t>(level_)] = load->ratio / load->hits_per_second;
  }
  if (load->ratio > budget_) return StepDown(now_ns, load->ratio);
  measured_ns_ = now_ns;
  const uint64_t quiet_ns = std::max(kRelapseNs, 2 * hold_ns_);
  if (stepped_up_ns_.has_value() && now_ns - *stepped_up_ns_ >= quiet_ns) {
    stepped_up_ns_.reset();
    hold_ns_ = kFirstHoldNs;
    next_trial_delay_ns_ = kFirstTrialNs;
  }
  if (level_ == ThrottleLevel::kNone || !IsComfortableAbove(*load)) {
    comfortable_since_ns_.reset();
    return false;
  }
  if (!comfortable_since_ns_.has_value()) comfortable_since_ns_ = now_ns;
  if (now_ns - *comfortable_since_ns_ < hold_ns_) return false;
  on_trial_ = false;
  return StepUp(now_ns);
}

bool OverheadGovernor::IsComfortableAbove(const OverheadLoad& load) const {
  const double cost = std::max(hit_cost_[static_cast<size_t>(level_)],
                               hit_cost_[static_cast<size_t>(Above(level_))]);
  return load.hits_per_second * cost < kComfort * budget_;
}

bool OverheadGovernor::StepUp(uint64_t now_ns) {
  level_ = Above(level_);
  stepped_up_ns_ = now_ns;
  comfortable_since_ns_.reset();
  return true;
}

bool OverheadGovernor::StepDown(uint64_t now_ns, double ratio) {
  const bool relapsed = stepped_up_ns_.has_value() && now_ns - *stepped_up_ns_ < kRelapseNs;
  if (relapsed && !on_trial_) hold_ns_ = std::min(2 * hold_ns_, kLongestNs);
  stepped_up_ns_.reset();
  comfortable_since_ns_.reset();
  on_trial_ = false;
  level_ = Below(level_);
  if (level_ == ThrottleLevel::kSuspended) {
    const double measured_for =
        static_cast<double>(now_ns - std::min(measured_ns_.value_or(now_ns), now_ns));
    const double made_good_after = measured_for * ratio / budget_;
    const auto longest = static_cast<double>(kLongestNs);
    trial_delay_ns_ =
        std::max(next_trial_delay_ns_, static_cast<uint64_t>(std::min(made_good_after, longest)));
    next_trial_delay_ns_ = std::min(2 * next_trial_delay_ns_, kLongestNs);
    suspended_ns_ = now_ns;
  }
  measured_ns_ = now_ns;
  return true;
}

}  // namespace uprobed::control
