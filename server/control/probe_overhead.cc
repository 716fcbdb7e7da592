#include "server/control/probe_overhead.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "server/base/errors.h"
#include "server/store/probe_record.h"

namespace uprobed::control {
namespace {

constexpr uint64_t kSecondInNs = 1'000'000'000;

std::string WhatIsLeft(const OverheadGovernor& governor) {
  switch (governor.level()) {
    case ThrottleLevel::kNone:
      return "";
    case ThrottleLevel::kSampled:
      return fmt::format("spans of {:g} % of the traces, and all metrics, until the load is less",
                         kSampledKeepRatio * 100);
    case ThrottleLevel::kMetricsOnly:
      return "metrics of all requests and no spans, until the load is less";
    case ThrottleLevel::kSuspended:
      return fmt::format("the program is left alone, and tried again after {} s",
                         governor.trial_delay_ns() / kSecondInNs);
  }
  return "";
}

absl::Status BudgetExceeded(double ratio, double budget, const OverheadGovernor& governor) {
  if (governor.level() == ThrottleLevel::kNone) return absl::OkStatus();
  return MakeError(absl::StatusCode::kResourceExhausted, "OVERHEAD_BUDGET_EXCEEDED",
                   fmt::format("its hits cost {:.2g} % of one CPU, and may cost {:g} %: {}; raise "
                               "max_overhead to have more",
                               ratio * 100, budget * 100, WhatIsLeft(governor)));
}

}  // namespace

ThrottleLevel ProbeOverhead::level() const {
  return governor_.has_value() ? governor_->level() : ThrottleLevel::kNone;
}

void ProbeOverhead::Reset() {
  if (level() != ThrottleLevel::kNone) ++changes_[static_cast<size_t>(ThrottleLevel::kNone)];
  governor_.reset();
  if (budget_ > 0) governor_.emplace(budget_);
  error_ = absl::OkStatus();
  ratio_ = 0;
}

bool ProbeOverhead::Govern(double budget, uint64_t now_ns,
                           std::map<uint32_t, AttachmentSet::Hits> hits, HitCostCache& costs) {
  const ThrottleLevel before = level();
  if (budget != budget_) {
    budget_ = budget;
    Reset();
    if (before != ThrottleLevel::kNone) return true;
  }
  std::optional<OverheadLoad> load;
  if (const auto interval = meter_.Look(now_ns, std::move(hits)); interval.has_value()) {
    load = interval->Load(costs.latest());
    const double worth = kWorthMeasuring * (budget > 0 ? budget : store::kDefaultMaxOverhead);
    if (load->ratio > worth) {
      load = interval->Load(costs.Measured(now_ns, budget > 0 ? kFreshNs : kFreshUnlimitedNs));
    }
    ratio_ = load->ratio;
    if (ratio_ > budget) exceeded_ratio_ = ratio_;
  }
  if (!governor_.has_value() || !governor_->Advance(now_ns, load)) return false;
  ++changes_[static_cast<size_t>(level())];
  error_ = BudgetExceeded(exceeded_ratio_, budget_, *governor_);
  return true;
}

}  // namespace uprobed::control
