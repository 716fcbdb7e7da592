// What users change: probes created, updated and deleted.
#include <spdlog/spdlog.h>

#include <utility>

#include "server/base/errors.h"
#include "server/control/probe_controller.h"
#include "server/control/probe_id.h"

namespace uprobed::control {

absl::Status ProbeController::CheckIdFree(const std::string& id) const {
  if (!FindEntry(id).has_value()) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kAlreadyExists, "PROBE_EXISTS",
      "there is a probe \"" + id + "\" already: choose another name, or change that one",
      {{"probe", id}});
}

absl::StatusOr<ProbeController::Entry> ProbeController::FindForChange(
    const std::string& id, const std::string& etag) const {
  std::optional<Entry> entry = FindEntry(id);
  if (!entry.has_value()) return ProbeNotFoundError(id);
  const std::string present = Probe{.record = entry->record, .status = {}}.etag();
  if (!etag.empty() && etag != present) {
    return MakeError(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                     "probe \"" + id + "\" was changed since it was read: read it again",
                     {{"probe", id}, {"etag", present}});
  }
  return *std::move(entry);
}

absl::StatusOr<Probe> ProbeController::Create(store::ProbeRecord record,
                                              const CreateOptions& options) {
  RETURN_IF_ERROR(CheckRunning());
  if (!record.id.empty()) {
    RETURN_IF_ERROR(ValidateProbeId(record.id));
    RETURN_IF_ERROR(CheckIdFree(record.id));
  }
  ASSIGN_OR_RETURN(const std::optional<FileId> file,
                   checks_.CheckNew(record.spec, options.allow_missing_binary));

  const absl::MutexLock change(&change_mutex_);
  RETURN_IF_ERROR(CheckRunning());
  if (record.id.empty()) {
    record.id = DeriveProbeId(record.spec.binary_path,
                              [this](const std::string& id) { return FindEntry(id).has_value(); });
  }
  RETURN_IF_ERROR(CheckIdFree(record.id));
  RETURN_IF_ERROR(checks_.CheckConflict(record.spec, file, Records(), reconciler_));
  record.uid = NewProbeUid();
  record.generation = 1;
  record.create_time_unix_ns = options_.unix_nanos();
  record.update_time_unix_ns = record.create_time_unix_ns;
  if (options.validate_only) {
    return Probe{.record = std::move(record), .status = {}};
  }
  RETURN_IF_ERROR(store_.InsertProbe(record));
  directory_.ForgetSpans(record.id);
  Entry entry;
  entry.attachments = reconciler_.Attachments(record.id);
  entry.status = ReconcileOne(record, {}, ProcessTable::Scan(options_.proc_root));
  entry.record = std::move(record);
  Probe probe = Commit(ProbeEvent::Type::kAdded, std::move(entry));
  // Those of all other probes are as they were, and there may be hundreds.
  services_.Add(ProcessesOf(probe.record.spec, probe.status));
  return probe;
}

absl::StatusOr<Probe> ProbeController::Update(const store::ProbeRecord& record,
                                              const std::string& etag, bool validate_only) {
  RETURN_IF_ERROR(CheckRunning());
  const absl::MutexLock change(&change_mutex_);
  RETURN_IF_ERROR(CheckRunning());
  ASSIGN_OR_RETURN(Entry entry, FindForChange(record.id, etag));
  ASSIGN_OR_RETURN(store::ProbeRecord changed, checks_.CheckChange(entry.record, record));
  if (changed == entry.record) return MakeProbe(std::move(entry));
  const int64_t expected_generation = entry.record.generation;
  ++changed.generation;
  changed.update_time_unix_ns = options_.unix_nanos();
  if (validate_only) {
    entry.record = std::move(changed);
    return MakeProbe(std::move(entry));
  }
  RETURN_IF_ERROR(store_.UpdateProbe(changed, expected_generation));
  entry.record = std::move(changed);
  entry.status = ReconcileOne(entry.record, entry.status, ProcessTable::Scan(options_.proc_root));
  Probe probe = Commit(ProbeEvent::Type::kModified, std::move(entry));
  AnnounceServices();
  return probe;
}

absl::Status ProbeController::Delete(const std::string& id, const std::string& etag,
                                     bool allow_missing) {
  RETURN_IF_ERROR(CheckRunning());
  const absl::MutexLock change(&change_mutex_);
  RETURN_IF_ERROR(CheckRunning());
  absl::StatusOr<Entry> entry = FindForChange(id, etag);
  if (!entry.ok()) {
    const bool missing = ReasonOf(entry.status()) == "PROBE_NOT_FOUND";
    return missing && allow_missing ? absl::OkStatus() : entry.status();
  }
  RETURN_IF_ERROR(store_.DeleteProbe(id, entry->record.generation));
  reconciler_.Remove(id);
  spdlog::info("deleted probe={}", id);
  Commit(ProbeEvent::Type::kDeleted, *std::move(entry));
  directory_.ForgetSpans(id);
  return absl::OkStatus();
}

}  // namespace uprobed::control
