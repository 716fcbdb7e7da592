#ifndef UPROBED_SERVER_CONTROL_HIT_COST_CACHE_H_
#define UPROBED_SERVER_CONTROL_HIT_COST_CACHE_H_

#include <cstdint>
#include <optional>

#include "server/probe/probe_backend.h"

namespace uprobed::control {

// What hits cost, as measured last: all probes share it, because measuring concerns all BPF
// programs of the machine. Thread: the owner's only.
class HitCostCache {
 public:
  // `backend` outlives this.
  explicit HitCostCache(probe::ProbeBackend& backend) : backend_(backend) {}

  const probe::HitCosts& latest() const { return costs_; }
  // Measured anew, unless that was done within `fresh_for_ns`.
  const probe::HitCosts& Measured(uint64_t now_ns, uint64_t fresh_for_ns) {
    if (!measured_ns_.has_value() || now_ns - *measured_ns_ >= fresh_for_ns) {
      costs_ = backend_.MeasureHitCosts();
      measured_ns_ = now_ns;
    }
    return costs_;
  }

 private:
  probe::ProbeBackend& backend_;
  probe::HitCosts costs_;
  std::optional<uint64_t> measured_ns_;
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_HIT_COST_CACHE_H_
