#ifndef UPROBED_SERVER_CONTROL_PROBE_CHECKS_H_
#define UPROBED_SERVER_CONTROL_PROBE_CHECKS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/control/file_version.h"
#include "server/control/profile_catalog.h"
#include "server/control/reconciler.h"
#include "server/probe/probe_backend.h"
#include "server/store/probe_record.h"

namespace uprobed::control {

// What a probe must fulfil before it is stored. Nothing here has an effect, but for profiles that
// are resolved and kept. Thread-safe.
class ProbeChecks {
 public:
  // The references outlive the object.
  ProbeChecks(ProfileCatalog& catalog, const probe::ProbeBackend& backend, std::string proc_root,
              std::string boot_id);

  // Checks the target, the kernel and the profile, and completes `spec`: the path and start time of
  // a process, the instrumentations in order. The file that the target is now; nullopt where it is
  // missing and may be.
  absl::StatusOr<std::optional<FileId>> CheckNew(store::ProbeSpec& spec,
                                                 bool allow_missing_binary) const;

  // ALREADY_EXISTS BINARY_ALREADY_PROBED where another probe observes the same processes.
  absl::Status CheckConflict(const store::ProbeSpec& spec, const std::optional<FileId>& file,
                             const std::vector<store::ProbeRecord>& others,
                             const Reconciler& reconciler) const;

  // `present` with the fields of `wish` that may change. INVALID_ARGUMENT TARGET_IMMUTABLE, and the
  // reason of an absence where the binary has none of the instrumentations named.
  absl::StatusOr<store::ProbeRecord> CheckChange(const store::ProbeRecord& present,
                                                 const store::ProbeRecord& wish) const;

 private:
  // What is left once the profile is there.
  absl::StatusOr<std::optional<FileId>> CheckTarget(store::ProbeSpec& spec, const std::string& path,
                                                    const FileId& id,
                                                    const profile::Profile& profile) const;
  absl::Status CompleteProcess(store::ProbeSpec& spec) const;
  bool Overlaps(const store::ProbeSpec& spec, const std::optional<FileId>& file,
                const store::ProbeSpec& other) const;

  ProfileCatalog& catalog_;
  const probe::ProbeBackend& backend_;
  const std::string proc_root_;
  const std::string boot_id_;
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_PROBE_CHECKS_H_
