#include "server/control/overhead_meter.h"

#include <iterator>
#include <utility>

namespace uprobed::control {
namespace {

constexpr double kSecondNs = 1e9;

// Nothing is taken off where a counter is smaller than before: the slot is another attachment's.
up_counters Difference(const up_counters& now, const up_counters& before) {
  up_counters difference = now;
  for (size_t i = 0; i < std::size(now.value); ++i) {
    if (now.value[i] < before.value[i]) return now;
    difference.value[i] -= before.value[i];
  }
  return difference;
}

}  // namespace

OverheadLoad OverheadMeter::Interval::Load(const probe::HitCosts& costs) const {
  OverheadLoad load;
  for (const AttachmentSet::Hits& binary : hits) {
    load.hits_per_second += probe::HitsOf(binary.counters);
    load.ratio += probe::CostNs(binary.counters, binary.single_stepped, costs);
  }
  load.hits_per_second *= kSecondNs / static_cast<double>(ns);
  load.ratio /= static_cast<double>(ns);
  return load;
}

std::optional<OverheadMeter::Interval> OverheadMeter::Look(
    uint64_t now_ns, std::map<uint32_t, AttachmentSet::Hits> hits) {
  if (looked_ns_.has_value() && now_ns - *looked_ns_ < kShortestNs) return std::nullopt;
  std::optional<Interval> interval;
  if (looked_ns_.has_value()) {
    interval.emplace().ns = now_ns - *looked_ns_;
    for (const auto& [slot, now] : hits) {
      AttachmentSet::Hits meanwhile = now;
      if (const auto before = seen_.find(slot); before != seen_.end()) {
        meanwhile.counters = Difference(now.counters, before->second.counters);
      }
      interval->hits.push_back(meanwhile);
    }
  }
  looked_ns_ = now_ns;
  seen_ = std::move(hits);
  return interval;
}

}  // namespace uprobed::control
