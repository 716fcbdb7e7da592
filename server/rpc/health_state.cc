#include "server/rpc/health_state.h"

#include "absl/time/time.h"

namespace uprobed::rpc {

void HealthState::SetServing(bool serving) {
  const absl::MutexLock lock(&mutex_);
  serving_ = serving;
}

std::optional<bool> HealthState::IsServingLocked(const std::string& service) const {
  if (service == "liveness") return true;
  if (service.empty() || service == "readiness" || services_.contains(service)) return serving_;
  return std::nullopt;
}

std::optional<bool> HealthState::IsServing(const std::string& service) const {
  const absl::MutexLock lock(&mutex_);
  return IsServingLocked(service);
}

void HealthState::WaitForChange(const std::string& service, std::optional<bool> seen,
                                std::chrono::milliseconds timeout) const {
  const auto changed = [this, &service, seen]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return IsServingLocked(service) != seen;
  };
  const absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&changed), absl::FromChrono(timeout));
}

}  // namespace uprobed::rpc
