#include "server/control/probe_controller.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <limits>
#include <utility>

#include "absl/time/time.h"
#include "server/base/errors.h"
#include "server/control/probe_id.h"

namespace uprobed::control {
namespace {

// Whether watchers want to know: counters and processes change all the time and are read on demand.
bool Differs(const ProbeStatus& a, const ProbeStatus& b) {
  return a.state != b.state || a.observed_generation != b.observed_generation ||
         a.error != b.error || Differ(a.conditions, b.conditions) || a.profile_id != b.profile_id ||
         a.attached_sites != b.attached_sites || a.single_stepped_sites != b.single_stepped_sites ||
         a.attached_binaries != b.attached_binaries || a.throttle_level != b.throttle_level;
}

}  // namespace

ProbeController::ProbeController(store::Store& store, ProfileCatalog& catalog,
                                 probe::ProbeBackend& backend, EventDirectory& directory,
                                 Options options)
    : store_(store),
      directory_(directory),
      options_(std::move(options)),
      checks_(catalog, backend, options_.proc_root, options_.boot_id),
      watches_(static_cast<uint64_t>(options_.unix_nanos())),
      reconciler_(catalog, backend, directory,
                  {.proc_root = options_.proc_root,
                   .boot_id = options_.boot_id,
                   .monotonic_nanos = options_.monotonic_nanos}),
      services_(options_.proc_root, options_.on_service) {}

ProbeController::~ProbeController() { Stop(); }

absl::Status ProbeController::Start() {
  ASSIGN_OR_RETURN(std::vector<store::ProbeRecord> records, store_.ListProbes());
  {
    const absl::MutexLock change(&change_mutex_);
    for (store::ProbeRecord& record : records) {
      Entry entry;
      entry.attachments = reconciler_.Attachments(record.id);
      entry.status.transition_time_unix_ns = options_.unix_nanos();
      entry.record = std::move(record);
      Commit(ProbeEvent::Type::kAdded, std::move(entry));
    }
    ReconcileAll();
  }
  const absl::MutexLock lock(&mutex_);
  reconciled_ = true;
  if (!stopping_) thread_ = std::jthread([this] { Run(); });
  return absl::OkStatus();
}

bool ProbeController::Reconciled() const {
  const absl::MutexLock lock(&mutex_);
  return reconciled_;
}

void ProbeController::Stop() {
  std::jthread thread;
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
  {
    const absl::MutexLock change(&change_mutex_);
    reconciler_.RemoveAll();
  }
  watches_.Close();
}

void ProbeController::Run() {
  pthread_setname_np(pthread_self(), "reconcile");
  while (true) {
    {
      const absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_),
                                  absl::FromChrono(options_.reconcile_period))) {
        return;
      }
    }
    ReconcileNow();
  }
}

void ProbeController::ReconcileNow() {
  const absl::MutexLock change(&change_mutex_);
  ReconcileAll();
}

void ProbeController::ReconcileAll() {
  const ProcessTable processes = ProcessTable::Scan(options_.proc_root);
  for (Entry& entry : Entries("", std::numeric_limits<size_t>::max())) {
    if (!CheckRunning().ok()) return;
    const ProbeStatus before = std::move(entry.status);
    entry.status = ReconcileOne(entry.record, before, processes);
    if (Differs(before, entry.status)) {
      Commit(ProbeEvent::Type::kModified, std::move(entry));
    } else {
      const absl::MutexLock lock(&mutex_);
      ProbeStatus& status = entries_[entry.record.id].status;
      status.pids = std::move(entry.status.pids);
      status.overhead_ratio = entry.status.overhead_ratio;
    }
  }
  AnnounceServices();
}

std::vector<ServiceDirectory::Process> ProbeController::ProcessesOf(const store::ProbeSpec& spec,
                                                                    const ProbeStatus& status) {
  std::vector<ServiceDirectory::Process> processes;
  for (const uint32_t pid : status.pids) {
    processes.push_back(
        {.pid = pid, .service_name = spec.service_name, .binary_path = spec.binary_path});
  }
  return processes;
}

void ProbeController::AnnounceServices() {
  std::vector<ServiceDirectory::Process> listening;
  {
    const absl::MutexLock lock(&mutex_);
    for (const auto& [id, entry] : entries_) {
      const std::vector<ServiceDirectory::Process> processes =
          ProcessesOf(entry.record.spec, entry.status);
      listening.insert(listening.end(), processes.begin(), processes.end());
    }
  }
  services_.Update(listening);
}

ProbeStatus ProbeController::ReconcileOne(const store::ProbeRecord& record,
                                          const ProbeStatus& before,
                                          const ProcessTable& processes) {
  ProbeStatus status = reconciler_.Reconcile(record, processes);
  if (status.profile_id.empty()) status.profile_id = before.profile_id;
  const int64_t now_unix_ns = options_.unix_nanos();
  status.transition_time_unix_ns =
      status.state == before.state ? before.transition_time_unix_ns : now_unix_ns;
  SetTransitionTimes(before.conditions, now_unix_ns, status.conditions);
  return status;
}

Probe ProbeController::Commit(ProbeEvent::Type type, Entry entry) {
  Probe probe = MakeProbe(entry);
  const absl::MutexLock lock(&mutex_);
  if (type == ProbeEvent::Type::kDeleted) {
    entries_.erase(probe.record.id);
  } else {
    entries_[probe.record.id] = std::move(entry);
  }
  watches_.Publish(type, probe);
  return probe;
}

absl::StatusOr<Probe> ProbeController::Get(const std::string& id) const {
  std::optional<Entry> entry = FindEntry(id);
  if (!entry.has_value()) return ProbeNotFoundError(id);
  return MakeProbe(*std::move(entry));
}

std::vector<ProbeController::Entry> ProbeController::Entries(const std::string& after_id,
                                                             size_t limit) const {
  std::vector<Entry> entries;
  const absl::MutexLock lock(&mutex_);
  for (auto found = entries_.upper_bound(after_id);
       found != entries_.end() && entries.size() < limit; ++found) {
    entries.push_back(found->second);
  }
  return entries;
}

std::vector<Probe> ProbeController::List(const std::string& after_id, size_t limit) const {
  std::vector<Probe> probes;
  for (Entry& entry : Entries(after_id, limit)) probes.push_back(MakeProbe(std::move(entry)));
  return probes;
}

absl::StatusOr<std::shared_ptr<ProbeWatch>> ProbeController::Watch(uint64_t resume_after) {
  const absl::MutexLock lock(&mutex_);
  std::vector<Probe> present;
  if (resume_after == 0) {
    for (const auto& [id, entry] : entries_) present.push_back(MakeProbe(entry));
  }
  return watches_.Watch(resume_after, std::move(present));
}

absl::Status ProbeController::CheckRunning() const {
  const absl::MutexLock lock(&mutex_);
  if (!stopping_) return absl::OkStatus();
  return MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                   "the daemon is stopping: try again when it is back");
}

std::optional<ProbeController::Entry> ProbeController::FindEntry(const std::string& id) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

std::vector<store::ProbeRecord> ProbeController::Records() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<store::ProbeRecord> records;
  records.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) records.push_back(entry.record);
  return records;
}

Probe ProbeController::MakeProbe(Entry entry) const {
  Probe probe{.record = std::move(entry.record), .status = std::move(entry.status)};
  probe.status.counters = entry.attachments->counters();
  probe.status.slots = entry.attachments->Slots();
  const EventDirectory::Deliveries deliveries = directory_.DeliveriesOf(probe.record.id);
  probe.status.spans = deliveries.spans;
  probe.status.malformed = deliveries.malformed;
  return probe;
}

}  // namespace uprobed::control
