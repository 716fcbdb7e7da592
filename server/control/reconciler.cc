#include "server/control/reconciler.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <set>
#include <utility>

#include "server/base/errors.h"
#include "server/control/function_table.h"
#include "server/control/wanted.h"

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
      options_(std::move(options)) {}

ProbeStatus Reconciler::Reconcile(const store::ProbeRecord& record, const ProcessTable& processes) {
  Runtime& runtime = runtimes_[record.id];
  runtime.pid = record.spec.pid;
  // Before anything is detached, and what was learnt with it gone.
  verdicts_.Record(runtime.attachments->ProfileIds());
  Verdict verdict = Step(record, processes, runtime);

  ProbeStatus status;
  status.state = verdict.state;
  status.error = std::move(verdict.error);
  status.observed_generation = record.generation;
  const AttachmentSet::Summary summary = runtime.attachments->summary();
  status.profile_id = summary.profile_id;
  status.attached_sites = summary.sites;
  status.single_stepped_sites = summary.single_stepped_sites;
  status.attached_binaries = summary.binaries;
  for (const FileVersion& version : runtime.attachments->Versions()) {
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
    return {.state = ProbeState::kDisabled, .error = absl::OkStatus()};
  }
  const absl::StatusOr<FileVersion> current =
      Observe(options_.proc_root, options_.boot_id, record.spec);
  if (!current.ok() && ReasonOf(current.status()) == "PROCESS_EXITED") {
    DetachAll(*runtime.attachments);
  }
  Detach(*runtime.attachments, [&](const AttachedBinary& binary) {
    return !(current.ok() && current->id == binary.version.id) &&
           !StillRuns(record.spec, processes, binary.version.id);
  });
  ApplyOptions(record, runtime);
  if (!current.ok()) {
    runtime.failure.reset();
    const bool gone = IsGone(current.status());
    return {.state = gone ? ProbeState::kWaiting : ProbeState::kFailed, .error = current.status()};
  }
  return Follow(record, *current, runtime);
}

Reconciler::Verdict Reconciler::Follow(const store::ProbeRecord& record, const FileVersion& current,
                                       Runtime& runtime) {
  const std::optional<Failure>& failure = runtime.failure;
  if (!runtime.attachments->Missing(record.spec, current).has_value()) {
    if (failure.has_value() && failure->generation == record.generation &&
        failure->version == current && options_.monotonic_nanos() < failure->retry_monotonic_ns) {
      return {.state = ProbeState::kFailed, .error = failure->error};
    }
    if (absl::Status attached = AttachTarget(record, runtime); !attached.ok()) {
      DetachFile(*runtime.attachments, current.id);
      if (IsGone(attached)) return {.state = ProbeState::kWaiting, .error = std::move(attached)};
      NoteFailure(record, current, attached, runtime);
      return {.state = ProbeState::kFailed, .error = std::move(attached)};
    }
  }
  runtime.failure.reset();
  // Empty where the file was replaced once more meanwhile: the next step follows that.
  absl::Status flaw = runtime.attachments->Missing(record.spec, current).value_or(absl::OkStatus());
  if (flaw.ok()) flaw = verdicts_.Check(runtime.attachments->ProfileIds());
  const ProbeState state = flaw.ok() ? ProbeState::kActive : ProbeState::kDegraded;
  return {.state = state, .error = std::move(flaw)};
}

absl::Status Reconciler::AttachTarget(const store::ProbeRecord& record, Runtime& runtime) {
  ASSIGN_OR_RETURN(const Target target, OpenTarget(options_.proc_root, record.spec));
  const FileId id = target.version.id;
  if (const std::string other = AttachedBy(id, record.spec.pid, record.id); !other.empty()) {
    return AlreadyProbedError(other);
  }
  absl::StatusOr<ResolvedProfile> resolved = catalog_.Resolve(target.file);
  if (resolved.ok() && runtime.attachments->ProfileIdOf(id) == resolved->profile.identity.Id()) {
    runtime.attachments->SetVersion(target.version);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(resolved.status());
  DetachFile(*runtime.attachments, id);
  UniqueFd fd(fcntl(target.file.fd(), F_DUPFD_CLOEXEC, 0));
  if (!fd.valid()) return MakeErrnoError(errno, "ATTACH_FAILED", "cannot keep the binary open");
  AttachedBinary binary;
  binary.version = target.version;
  binary.fd = std::move(fd);
  binary.profile = std::move(resolved->profile);
  return Attach(record, std::move(binary), runtime);
}

absl::Status Reconciler::Attach(const store::ProbeRecord& record, AttachedBinary binary,
                                Runtime& runtime) {
  ASSIGN_OR_RETURN(binary.instrumentations, WantedOf(record.spec, binary.profile));
  binary.capture_query = record.spec.capture_query;
  binary.stitch_traces = record.spec.stitch_traces;
  binary.server_first_byte = record.spec.server_first_byte;
  binary.client_body = record.spec.client_body;
  binary.framework_routes = record.spec.framework_routes;
  binary.inject_traceparent = record.spec.inject_traceparent;
  binary.handler_function = record.spec.handler_function;
  ReadFunctions(binary);
  probe::AttachOptions options;
  options.instrumentations = binary.instrumentations;
  options.capture_query = binary.capture_query;
  options.stitch_traces = binary.stitch_traces;
  options.server_first_byte = binary.server_first_byte;
  options.client_body = binary.client_body;
  options.framework_routes = binary.framework_routes;
  options.inject_traceparent = binary.inject_traceparent;
  options.handler_function = binary.function_names != nullptr;
  binary.span_limits = record.spec.span_limits;
  options.span_limits = binary.span_limits;
  if (record.spec.pid != 0) options.scoped_pids = {record.spec.pid};
  options.on_slot = [&](uint32_t slot) { Bind(record, binary, slot); };
  ASSIGN_OR_RETURN(binary.attachment, backend_.Attach(binary.fd.get(), binary.profile, options));
  spdlog::info("attached probe={} path={} profile={} slot={} sites={}", record.id,
               record.spec.binary_path, binary.profile.identity.Id(), binary.attachment->slot(),
               binary.attachment->site_count());
  runtime.service_name = record.spec.service_name;
  const uint32_t slot = binary.attachment->slot();
  runtime.attachments->Add(std::move(binary));
  directory_.Admit(slot);
  return absl::OkStatus();
}

void Reconciler::ApplyOptions(const store::ProbeRecord& record, Runtime& runtime) {
  // Detached before it is attached anew: a gap loses requests, an overlap would report them twice.
  std::vector<AttachedBinary> changed =
      runtime.attachments->Take([&record](const AttachedBinary& binary) {
        const auto wanted = WantedOf(record.spec, binary.profile);
        return !wanted.ok() || *wanted != binary.instrumentations ||
               record.spec.capture_query != binary.capture_query ||
               record.spec.stitch_traces != binary.stitch_traces ||
               record.spec.server_first_byte != binary.server_first_byte ||
               record.spec.client_body != binary.client_body ||
               record.spec.framework_routes != binary.framework_routes ||
               record.spec.inject_traceparent != binary.inject_traceparent ||
               record.spec.handler_function != binary.handler_function;
      });
  for (AttachedBinary& binary : changed) {
    binary.attachment.reset();
    const std::string profile_id = binary.profile.identity.Id();
    if (const absl::Status attached = Attach(record, std::move(binary), runtime); !attached.ok()) {
      spdlog::warn("detached probe={} profile={}: with its new options: {}", record.id, profile_id,
                   MessageOf(attached));
    }
  }
  if (const absl::Status set = runtime.attachments->SetSpanLimits(record.spec.span_limits);
      !set.ok()) {
    spdlog::warn("spans are limited as before, tried again probe={}: {}", record.id,
                 MessageOf(set));
  }
  if (runtime.service_name != record.spec.service_name) {
    for (const auto& [slot, profile_id] : runtime.attachments->ProfileIds()) {
      directory_.SetServiceName(slot, record.spec.service_name);
    }
    runtime.service_name = record.spec.service_name;
  }
}

void Reconciler::Bind(const store::ProbeRecord& record, const AttachedBinary& binary,
                      uint32_t slot) {
  const profile::Profile& profile = binary.profile;
  std::set<std::string, std::less<>> corroborated;
  for (const auto& [name, field] : profile.fields) {
    if (field.corroborated()) corroborated.insert(name);
  }
  auto error_methods = std::make_shared<span::ErrorMethods>();
  for (const profile::ErrorMethod& method : profile.error_methods) {
    error_methods->emplace(method.address, method.name);
  }
  directory_.Bind(slot,
                  {.probe_id = record.id,
                   .binary_path = record.spec.binary_path,
                   .service_name = record.spec.service_name,
                   .capture_query = record.spec.capture_query,
                   .error_methods = std::move(error_methods),
                   .derived_routes = std::make_shared<span::DerivedRoutes>(),
                   .function_names = binary.function_names},
                  corroborated);
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
  }
  return {};
}

void Reconciler::Remove(const std::string& id) {
  const auto found = runtimes_.find(id);
  if (found == runtimes_.end()) return;
  verdicts_.Record(found->second.attachments->ProfileIds());
  DetachAll(*found->second.attachments);
  runtimes_.erase(found);
}

void Reconciler::RemoveAll() {
  for (auto& [id, runtime] : runtimes_) {
    verdicts_.Record(runtime.attachments->ProfileIds());
    DetachAll(*runtime.attachments);
  }
  runtimes_.clear();
}

}  // namespace uprobed::control
