#include "server/control/reconciler.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "server/base/errors.h"

namespace uprobed::control {
namespace {

constexpr uint64_t kFirstRetryNs = 1'000'000'000;
constexpr uint64_t kLastRetryNs = 300'000'000'000;

// Whether a process that the probe observes runs `file`.
bool StillRuns(const store::ProbeSpec& spec, const ProcessTable& processes, const FileId& file) {
  return spec.pid != 0 ? processes.Runs(spec.pid, file) : !processes.PidsOf(file).empty();
}

bool IsGone(const absl::Status& status) {
  return ReasonOf(status) == "BINARY_NOT_FOUND" || ReasonOf(status) == "PROCESS_EXITED" ||
         ReasonOf(status) == "PROCESS_NOT_FOUND";
}

absl::Status DisabledError() {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PROBE_DISABLED",
                   "the probe is switched off: enable it to attach it");
}

absl::Status FirstError(const ProbeConditions& conditions) {
  const auto first =
      std::find_if(conditions.begin(), conditions.end(),
                   [](const ProbeCondition& condition) { return !condition.error.ok(); });
  return first == conditions.end() ? absl::OkStatus() : first->error;
}

uint64_t RetryDelayNs(int failures) {
  uint64_t delay = kFirstRetryNs;
  for (int i = 1; i < failures && delay < kLastRetryNs; ++i) delay *= 2;
  return std::min(delay, kLastRetryNs);
}

// Detaching is the destruction of the attachment.
void Detach(AttachmentSet& attachments, const std::function<bool(const AttachedBinary&)>& matches) {
  const std::vector<AttachedBinary> detached = attachments.Take(matches);
}

void DetachAll(AttachmentSet& attachments) {
  Detach(attachments, [](const AttachedBinary&) { return true; });
}

// After the file was written to in place: the sites of its old content are wrong now.
void DetachFile(AttachmentSet& attachments, const FileId& file) {
  Detach(attachments, [&file](const AttachedBinary& binary) { return binary.version.id == file; });
}

}  // namespace

absl::Status AlreadyProbedError(const std::string& other) {
  return MakeError(absl::StatusCode::kAlreadyExists, "BINARY_ALREADY_PROBED",
                   fmt::format("probe \"{}\" observes this binary already, and a second one would "
                               "report each request twice: change or delete that one",
                               other),
                   {{"probe", other}});
}

Reconciler::Reconciler(ProfileCatalog& catalog, probe::ProbeBackend& backend,
                       EventDirectory& directory, Options options)
    : catalog_(catalog),
      backend_(backend),
      directory_(directory),
      verdicts_(directory, catalog),
      hit_costs_(backend),
      options_(std::move(options)) {}

ProbeStatus Reconciler::Reconcile(const store::ProbeRecord& record, const ProcessTable& processes) {
  Runtime& runtime = runtimes_[record.id];
  runtime.pid = record.spec.pid;
  // Before anything is detached, and what was learnt with it gone.
  verdicts_.Record(runtime.attachments->ProfileIds());
  Govern(record, runtime);
  const Verdict verdict = Step(record, processes, runtime);

  ProbeStatus status;
  status.state = verdict.state;
  status.conditions = ConditionsOf(verdict, runtime.overhead.error());
  // What the user wants is no error.
  if (verdict.state != ProbeState::kDisabled) status.error = FirstError(status.conditions);
  status.observed_generation = record.generation;
  const AttachmentSet::Summary summary = runtime.attachments->summary();
  status.profile_id = summary.profile_id;
  status.attached_sites = summary.sites;
  status.single_stepped_sites = summary.single_stepped_sites;
  status.attached_binaries = summary.binaries;
  status.overhead_ratio = runtime.overhead.ratio();
  status.throttle_level = runtime.overhead.level();
  status.throttle_changes = runtime.overhead.changes();
  std::vector<FileVersion> versions = runtime.attachments->Versions();
  for (const AttachedBinary& binary : runtime.suspended) versions.push_back(binary.version);
  for (const FileVersion& version : versions) {
    for (const uint32_t pid : processes.PidsOf(version.id)) {
      if (record.spec.pid == 0 || pid == record.spec.pid) status.pids.push_back(pid);
    }
  }
  std::sort(status.pids.begin(), status.pids.end());
  return status;
}

Reconciler::Verdict Reconciler::Step(const store::ProbeRecord& record,
                                     const ProcessTable& processes, Runtime& runtime) {
  if (!record.spec.enabled) {
    runtime.failure.reset();
    DetachAll(*runtime.attachments);
    runtime.suspended.clear();
    return {.state = ProbeState::kDisabled, .attached = DisabledError()};
  }
  const absl::StatusOr<FileVersion> current =
      Observe(options_.proc_root, options_.boot_id, record.spec);
  if (!current.ok() && ReasonOf(current.status()) == "PROCESS_EXITED") {
    DetachAll(*runtime.attachments);
    runtime.suspended.clear();
  }
  const auto is_gone = [&](const AttachedBinary& binary) {
    return !(current.ok() && current->id == binary.version.id) &&
           !StillRuns(record.spec, processes, binary.version.id);
  };
  Detach(*runtime.attachments, is_gone);
  std::erase_if(runtime.suspended, is_gone);
  const bool suspended = runtime.overhead.level() == ThrottleLevel::kSuspended;
  if (suspended) {
    Suspend(runtime);
  } else {
    Resume(record, runtime);
    ApplyOptions(record, runtime);
  }
  if (!current.ok()) {
    runtime.failure.reset();
    const bool gone = IsGone(current.status());
    return {.state = gone ? ProbeState::kWaiting : ProbeState::kFailed,
            .attached = current.status()};
  }
  if (suspended) return {.state = ProbeState::kSuspended, .attached = runtime.overhead.error()};
  return Follow(record, *current, runtime);
}

Reconciler::Verdict Reconciler::Follow(const store::ProbeRecord& record, const FileVersion& current,
                                       Runtime& runtime) {
  const std::optional<Failure>& failure = runtime.failure;
  if (!runtime.attachments->Missing(record.spec, current).has_value()) {
    if (failure.has_value() && failure->generation == record.generation &&
        failure->version == current && options_.monotonic_nanos() < failure->retry_monotonic_ns) {
      return {.state = ProbeState::kFailed, .attached = failure->error};
    }
    if (absl::Status attached = AttachTarget(record, runtime); !attached.ok()) {
      DetachFile(*runtime.attachments, current.id);
      if (IsGone(attached)) return {.state = ProbeState::kWaiting, .attached = std::move(attached)};
      NoteFailure(record, current, attached, runtime);
      return {.state = ProbeState::kFailed, .attached = std::move(attached)};
    }
  }
  runtime.failure.reset();
  // Empty where the file was replaced once more meanwhile: the next step follows that.
  Verdict verdict{
      .attached = absl::OkStatus(),
      .complete = runtime.attachments->Missing(record.spec, current).value_or(absl::OkStatus()),
      .fields_consistent = verdicts_.Check(runtime.attachments->ProfileIds())};
  const bool flawless =
      verdict.complete.ok() && verdict.fields_consistent.ok() && runtime.overhead.error().ok();
  if (!flawless) verdict.state = ProbeState::kDegraded;
  return verdict;
}

ProbeConditions Reconciler::ConditionsOf(const Verdict& verdict,
                                         const absl::Status& within_budget) {
  ProbeConditions conditions;
  const auto set = [&conditions](ConditionType type, const absl::Status& error) {
    conditions[static_cast<size_t>(type)] = MakeCondition(error);
  };
  set(ConditionType::kAttached, verdict.attached);
  if (verdict.attached.ok()) {
    set(ConditionType::kComplete, verdict.complete);
    set(ConditionType::kFieldsConsistent, verdict.fields_consistent);
  }
  if (verdict.attached.ok() || !within_budget.ok()) {
    set(ConditionType::kWithinBudget, within_budget);
  }
  return conditions;
}

absl::StatusOr<KnownTarget> Reconciler::ResolveTarget(const store::ProbeRecord& record) {
  if (auto known = FindKnownTarget(catalog_, options_.proc_root, record.spec); known.has_value()) {
    return *std::move(known);
  }
  ASSIGN_OR_RETURN(const Target target, OpenTarget(options_.proc_root, record.spec));
  ASSIGN_OR_RETURN(ResolvedProfile resolved, catalog_.Resolve(target.file));
  UniqueFd fd(fcntl(target.file.fd(), F_DUPFD_CLOEXEC, 0));
  if (!fd.valid()) return MakeErrnoError(errno, "ATTACH_FAILED", "cannot keep the binary open");
  return KnownTarget{.fd = std::move(fd),
                     .version = target.version,
                     .path = target.path,
                     .profile = std::move(resolved.profile)};
}

absl::Status Reconciler::AttachTarget(const store::ProbeRecord& record, Runtime& runtime) {
  ASSIGN_OR_RETURN(KnownTarget target, ResolveTarget(record));
  const FileId id = target.version.id;
  if (const std::string other = AttachedBy(id, record.spec.pid, record.id); !other.empty()) {
    return AlreadyProbedError(other);
  }
  if (runtime.attachments->ProfileIdOf(id) == target.profile.identity.Id()) {
    runtime.attachments->SetVersion(target.version);
    return absl::OkStatus();
  }
  DetachFile(*runtime.attachments, id);
  AttachedBinary binary;
  binary.version = target.version;
  binary.fd = std::move(target.fd);
  binary.profile = std::move(target.profile);
  return Attach(record, std::move(binary), runtime);
}

void Reconciler::NoteFailure(const store::ProbeRecord& record, const FileVersion& version,
                             absl::Status error, Runtime& runtime) {
  std::optional<Failure>& failure = runtime.failure;
  const bool again = failure.has_value() && failure->generation == record.generation &&
                     failure->version == version;
  const int count = again ? std::min(failure->count + 1, std::numeric_limits<int>::max() - 1) : 1;
  const uint64_t delay_ns = RetryDelayNs(count);
  spdlog::warn("cannot attach probe={} path={} reason={} retry_in_s={}: {}", record.id,
               record.spec.binary_path, ReasonOf(error), delay_ns / kFirstRetryNs,
               MessageOf(error));
  failure = Failure{.error = std::move(error),
                    .generation = record.generation,
                    .version = version,
                    .count = count,
                    .retry_monotonic_ns = options_.monotonic_nanos() + delay_ns};
}

std::shared_ptr<const AttachmentSet> Reconciler::Attachments(const std::string& id) {
  return runtimes_[id].attachments;
}

std::string Reconciler::AttachedBy(const FileId& file, uint32_t pid, const std::string& id) const {
  for (const auto& [other_id, runtime] : runtimes_) {
    const bool disjoint = pid != 0 && runtime.pid != 0 && pid != runtime.pid;
    if (other_id == id || disjoint) continue;
    if (!runtime.attachments->ProfileIdOf(file).empty()) return other_id;
    // It comes back.
    for (const AttachedBinary& binary : runtime.suspended) {
      if (binary.version.id == file) return other_id;
    }
  }
  return {};
}

void Reconciler::Remove(const std::string& id) {
  const auto found = runtimes_.find(id);
  if (found == runtimes_.end()) return;
  verdicts_.Record(found->second.attachments->ProfileIds());
  retired_.Add(std::move(found->second.attachments));
  runtimes_.erase(found);
}

void Reconciler::RemoveAll() {
  for (auto& [id, runtime] : runtimes_) {
    verdicts_.Record(runtime.attachments->ProfileIds());
    DetachAll(*runtime.attachments);
  }
  runtimes_.clear();
  retired_.Stop();
}

}  // namespace uprobed::control
