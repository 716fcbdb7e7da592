#include "server/control/probe_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/base/errors.h"
#include "server/control/known_target.h"
#include "server/control/process_table.h"
#include "server/control/target.h"
#include "server/control/wanted.h"

namespace uprobed::control {
namespace {

// The same wish is stored in the same way, however it is written.
void Normalize(std::vector<profile::Instrumentation>& instrumentations) {
  std::sort(instrumentations.begin(), instrumentations.end());
  instrumentations.erase(std::unique(instrumentations.begin(), instrumentations.end()),
                         instrumentations.end());
}

bool SameProcess(const store::ProbeSpec& a, const store::ProbeSpec& b) {
  return a.pid == b.pid && a.pid_start_time == b.pid_start_time && a.boot_id == b.boot_id;
}

}  // namespace

ProbeChecks::ProbeChecks(ProfileCatalog& catalog, const probe::ProbeBackend& backend,
                         std::string proc_root, std::string boot_id)
    : catalog_(catalog),
      backend_(backend),
      proc_root_(std::move(proc_root)),
      boot_id_(std::move(boot_id)) {}

absl::StatusOr<std::optional<FileId>> ProbeChecks::CheckNew(store::ProbeSpec& spec,
                                                            bool allow_missing_binary) const {
  RETURN_IF_ERROR(CheckTargetGiven(spec.binary_path, spec.pid));
  Normalize(spec.instrumentations);
  RETURN_IF_ERROR(CompleteProcess(spec));
  if (const auto known = FindKnownTarget(catalog_, proc_root_, spec); known.has_value()) {
    return CheckTarget(spec, known->path, known->version.id, known->profile);
  }
  const absl::StatusOr<Target> target = OpenTarget(proc_root_, spec);
  if (!target.ok()) {
    const bool missing = ReasonOf(target.status()) == "BINARY_NOT_FOUND";
    if (!missing || !allow_missing_binary) return target.status();
    RETURN_IF_ERROR(backend_.Available());
    return std::nullopt;
  }
  RETURN_IF_ERROR(backend_.Available());
  ASSIGN_OR_RETURN(const ResolvedProfile resolved, catalog_.Resolve(target->file));
  return CheckTarget(spec, target->path, target->version.id, resolved.profile);
}

absl::StatusOr<std::optional<FileId>> ProbeChecks::CheckTarget(
    store::ProbeSpec& spec, const std::string& path, const FileId& id,
    const profile::Profile& profile) const {
  // It may have ended, and its id may belong to another, since its start time was read.
  if (spec.pid != 0) RETURN_IF_ERROR(Observe(proc_root_, boot_id_, spec).status());
  if (spec.pid != 0) spec.binary_path = path;
  RETURN_IF_ERROR(backend_.Available());
  RETURN_IF_ERROR(WantedOf(spec, profile).status());
  return id;
}

absl::Status ProbeChecks::CompleteProcess(store::ProbeSpec& spec) const {
  spec.pid_start_time = 0;
  spec.boot_id.clear();
  if (spec.pid == 0) return absl::OkStatus();
  const std::optional<uint64_t> start_time = ReadStartTime(proc_root_, spec.pid);
  if (!start_time.has_value()) {
    return MakeError(absl::StatusCode::kNotFound, "PROCESS_NOT_FOUND",
                     fmt::format("there is no process {} in the daemon's pid namespace: it has "
                                 "ended, or the id is that of a container",
                                 spec.pid),
                     {{"pid", std::to_string(spec.pid)}});
  }
  spec.pid_start_time = *start_time;
  spec.boot_id = boot_id_;
  return absl::OkStatus();
}

bool ProbeChecks::Overlaps(const store::ProbeSpec& spec, const std::optional<FileId>& file,
                           const store::ProbeSpec& other) const {
  if (spec.pid != 0 && other.pid != 0) return SameProcess(spec, other);
  const bool both_paths = spec.pid == 0 && other.pid == 0;
  if (both_paths && spec.binary_path == other.binary_path) return true;
  const absl::StatusOr<FileVersion> observed = Observe(proc_root_, boot_id_, other);
  return file.has_value() && observed.ok() && observed->id == *file;
}

absl::Status ProbeChecks::CheckConflict(const store::ProbeSpec& spec,
                                        const std::optional<FileId>& file,
                                        const std::vector<store::ProbeRecord>& others,
                                        const Reconciler& reconciler) const {
  for (const store::ProbeRecord& other : others) {
    if (Overlaps(spec, file, other.spec)) return AlreadyProbedError(other.id);
  }
  if (!file.has_value()) return absl::OkStatus();
  const std::string attached = reconciler.AttachedBy(*file, spec.pid, "");
  return attached.empty() ? absl::OkStatus() : AlreadyProbedError(attached);
}

absl::StatusOr<store::ProbeRecord> ProbeChecks::CheckChange(const store::ProbeRecord& present,
                                                            const store::ProbeRecord& wish) const {
  const bool other_path =
      !wish.spec.binary_path.empty() && wish.spec.binary_path != present.spec.binary_path;
  const bool other_process = wish.spec.pid != 0 && wish.spec.pid != present.spec.pid;
  if (other_path || other_process) {
    return MakeError(absl::StatusCode::kInvalidArgument, "TARGET_IMMUTABLE",
                     "the target of a probe never changes: create another probe",
                     {{"probe", present.id}});
  }
  store::ProbeRecord changed = present;
  changed.spec.enabled = wish.spec.enabled;
  changed.spec.instrumentations = wish.spec.instrumentations;
  Normalize(changed.spec.instrumentations);
  changed.spec.capture_query = wish.spec.capture_query;
  changed.spec.stitch_traces = wish.spec.stitch_traces;
  changed.spec.framework_routes = wish.spec.framework_routes;
  changed.spec.inject_traceparent = wish.spec.inject_traceparent;
  changed.spec.handler_function = wish.spec.handler_function;
  changed.spec.causality_goroutines = wish.spec.causality_goroutines;
  changed.spec.causality_channels = wish.spec.causality_channels;
  changed.spec.server_first_byte = wish.spec.server_first_byte;
  changed.spec.client_body = wish.spec.client_body;
  changed.spec.span_limits = wish.spec.span_limits;
  changed.spec.max_overhead = wish.spec.max_overhead;
  changed.spec.allow_suspect_profile = wish.spec.allow_suspect_profile;
  changed.spec.service_name = wish.spec.service_name;
  changed.labels = wish.labels;
  if (changed.spec.instrumentations == present.spec.instrumentations &&
      changed.spec.allow_suspect_profile == present.spec.allow_suspect_profile) {
    return changed;
  }
  // A binary that is away or cannot be read shows in the state; the wish may change all the same.
  if (const auto target = OpenTarget(proc_root_, present.spec); target.ok()) {
    if (const auto resolved = catalog_.Resolve(target->file); resolved.ok()) {
      RETURN_IF_ERROR(WantedOf(changed.spec, resolved->profile).status());
    }
  }
  return changed;
}

}  // namespace uprobed::control
