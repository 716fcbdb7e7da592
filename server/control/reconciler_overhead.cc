// How the reconciler keeps a probe within its budget of overhead.
#include <spdlog/spdlog.h>

#include <utility>

#include "server/base/errors.h"
#include "server/control/reconciler.h"

namespace uprobed::control {

void Reconciler::Govern(const store::ProbeRecord& record, Runtime& runtime) {
  if (!record.spec.enabled) {
    runtime.overhead.Reset();
    return;
  }
  const bool changed = runtime.overhead.Govern(record.spec.max_overhead, options_.monotonic_nanos(),
                                               runtime.attachments->hits(), hit_costs_);
  if (!changed) return;
  if (runtime.overhead.error().ok()) {
    spdlog::info("within its budget of overhead probe={} level={}", record.id,
                 Name(runtime.overhead.level()));
  } else {
    spdlog::warn("throttled probe={} level={}: {}", record.id, Name(runtime.overhead.level()),
                 MessageOf(runtime.overhead.error()));
  }
}

void Reconciler::Suspend(Runtime& runtime) {
  std::vector<AttachedBinary> taken =
      runtime.attachments->Take([](const AttachedBinary&) { return true; });
  for (AttachedBinary& binary : taken) {
    binary.attachment.reset();
    runtime.suspended.push_back(std::move(binary));
  }
}

void Reconciler::Resume(const store::ProbeRecord& record, Runtime& runtime) {
  // Also files that have lost their name since, whose processes still run.
  for (AttachedBinary& binary : std::exchange(runtime.suspended, {})) {
    const std::string profile_id = binary.profile.identity.Id();
    if (const absl::Status attached = Attach(record, std::move(binary), runtime); !attached.ok()) {
      // The file that the target is now is attached by the steps that follow, with its retries.
      spdlog::warn("cannot resume probe={} profile={}: {}", record.id, profile_id,
                   MessageOf(attached));
    }
  }
}

}  // namespace uprobed::control
