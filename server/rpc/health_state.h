#ifndef UPROBED_SERVER_RPC_HEALTH_STATE_H_
#define UPROBED_SERVER_RPC_HEALTH_STATE_H_

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace uprobed::rpc {

// Whether each service serves. Known are "" (the whole), "readiness", the full name of each
// service, all of which follow SetServing, and "liveness", which serves as long as anybody answers:
// an orchestrator must not kill a daemon because its first reconcile takes long. Thread-safe.
class HealthState {
 public:
  explicit HealthState(std::set<std::string> services) : services_(std::move(services)) {}

  void SetServing(bool serving);
  // nullopt for a service that is not known.
  std::optional<bool> IsServing(const std::string& service) const;
  // Returns once IsServing(service) differs from `seen`, or after `timeout`.
  void WaitForChange(const std::string& service, std::optional<bool> seen,
                     std::chrono::milliseconds timeout) const;

 private:
  std::optional<bool> IsServingLocked(const std::string& service) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const std::set<std::string> services_;
  mutable absl::Mutex mutex_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_HEALTH_STATE_H_
