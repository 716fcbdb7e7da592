#ifndef UPROBED_SERVER_CONTROL_OVERHEAD_METER_H_
#define UPROBED_SERVER_CONTROL_OVERHEAD_METER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "server/control/attachment_set.h"
#include "server/control/overhead_governor.h"
#include "server/probe/hit_costs.h"

namespace uprobed::control {

// What a probe's sites were hit between two looks at their counters. What is detached between them
// is left out from the look before. Thread: the owner's only.
class OverheadMeter {
 public:
  // What is looked at within less is no rate.
  static constexpr uint64_t kShortestNs = 500'000'000;

  struct Interval {
    uint64_t ns = 0;
    std::vector<AttachmentSet::Hits> hits;  // of each attached binary

    OverheadLoad Load(const probe::HitCosts& costs) const;
  };

  // `hits` is all that is attached now. nullopt at the first look, and where the last one is too
  // recent: that one counts then.
  std::optional<Interval> Look(uint64_t now_ns, std::map<uint32_t, AttachmentSet::Hits> hits);

 private:
  std::optional<uint64_t> looked_ns_;
  std::map<uint32_t, AttachmentSet::Hits> seen_;
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_OVERHEAD_METER_H_
