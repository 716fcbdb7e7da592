#ifndef UPROBED_SERVER_CONTROL_PROBE_CONTROLLER_H_
#define UPROBED_SERVER_CONTROL_PROBE_CONTROLLER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/control/attachment_set.h"
#include "server/control/event_directory.h"
#include "server/control/probe.h"
#include "server/control/probe_checks.h"
#include "server/control/probe_watch.h"
#include "server/control/profile_catalog.h"
#include "server/control/reconciler.h"
#include "server/control/service_directory.h"
#include "server/probe/probe_backend.h"
#include "server/store/store.h"

namespace uprobed::control {

struct CreateOptions {
  bool validate_only = false;         // every check, no effect
  bool allow_missing_binary = false;  // a path that does not exist yet is no error
};

// The use cases of probes: desired state goes to the store first, then it is reconciled: on each
// change and once a period by a thread of its own, which follows binaries and processes.
// Thread-safe. Errors are those of store, profile and probe, and PROBE_ID_INVALID, TARGET_MISSING,
// TARGET_AMBIGUOUS, TARGET_NOT_ABSOLUTE, TARGET_IS_SELF, PROCESS_NOT_FOUND, PROCESS_NOT_READABLE,
// BINARY_NOT_FOUND, BINARY_ALREADY_PROBED, ETAG_MISMATCH, TARGET_IMMUTABLE, SHUTTING_DOWN.
class ProbeController {
 public:
  struct Options {
    std::string proc_root = "/proc";
    std::string boot_id;  // of this boot: a pid target of another one is gone
    std::chrono::milliseconds reconcile_period = std::chrono::seconds(1);
    // Called with (network namespace, authority, service name) for each address that a process of a
    // probe begins to listen on, from the thread that reconciles; may be empty.
    ServiceDirectory::Listener on_service;
    std::function<int64_t()> unix_nanos = UnixNanosNow;
    std::function<uint64_t()> monotonic_nanos = MonotonicNanosNow;
  };

  // All references outlive the controller.
  ProbeController(store::Store& store, ProfileCatalog& catalog, probe::ProbeBackend& backend,
                  EventDirectory& directory, Options options);
  ~ProbeController();  // as Stop()
  ProbeController(const ProbeController&) = delete;
  ProbeController& operator=(const ProbeController&) = delete;

  // Loads the desired probes, reconciles each, then starts the thread. Fails only where the store
  // does: a probe that cannot be attached is FAILED, and the daemon serves all the same. Call once.
  absl::Status Start();
  // Whether every stored probe was reconciled once.
  bool Reconciled() const;
  // Refuses new work with UNAVAILABLE SHUTTING_DOWN, stops the thread, detaches everything, closes
  // the watches. What is stored stays.
  void Stop();
  // Reconciles every probe now, in the calling thread.
  void ReconcileNow();

  // Fields of `record` that the caller fills: id (may be empty: derived from the file name), spec,
  // labels. Reconciles before it returns, so that the state of the result is the true one.
  absl::StatusOr<Probe> Create(store::ProbeRecord record, const CreateOptions& options);
  absl::StatusOr<Probe> Get(const std::string& id) const;
  // Ordered by id, those behind `after_id`, at most `limit`.
  std::vector<Probe> List(const std::string& after_id, size_t limit) const;
  // Replaces all of the spec but its target, which never changes, and the labels by those of
  // `record`. `etag` empty: any.
  absl::StatusOr<Probe> Update(const store::ProbeRecord& record, const std::string& etag,
                               bool validate_only);
  absl::Status Delete(const std::string& id, const std::string& etag, bool allow_missing);

  // From the present state (kAdded for each probe) or behind `resume_after`.
  // OUT_OF_RANGE RESUME_TOKEN_EXPIRED where that event is no longer known.
  absl::StatusOr<std::shared_ptr<ProbeWatch>> Watch(uint64_t resume_after);

 private:
  struct Entry {
    store::ProbeRecord record;
    ProbeStatus status;
    std::shared_ptr<const AttachmentSet> attachments;
  };

  absl::Status CheckRunning() const;
  // With the counters as of now.
  Probe MakeProbe(Entry entry) const;
  std::optional<Entry> FindEntry(const std::string& id) const;
  std::vector<Entry> Entries(const std::string& after_id, size_t limit) const;
  std::vector<store::ProbeRecord> Records() const;
  absl::StatusOr<Entry> FindForChange(const std::string& id, const std::string& etag) const;

  absl::Status CheckIdFree(const std::string& id) const;
  ProbeStatus ReconcileOne(const store::ProbeRecord& record, const ProbeStatus& before,
                           const ProcessTable& processes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  // Puts the entry into the table and tells the watchers, in one step.
  Probe Commit(ProbeEvent::Type type, Entry entry);
  void ReconcileAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  static std::vector<ServiceDirectory::Process> ProcessesOf(const store::ProbeSpec& spec,
                                                            const ProbeStatus& status);
  void AnnounceServices() ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  void Run();

  store::Store& store_;
  EventDirectory& directory_;
  const Options options_;
  const ProbeChecks checks_;
  ProbeWatchHub watches_;

  // Held during a change or a reconcile, as long as that takes; those who read never wait for it.
  absl::Mutex change_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  Reconciler reconciler_ ABSL_GUARDED_BY(change_mutex_);
  ServiceDirectory services_ ABSL_GUARDED_BY(change_mutex_);

  mutable absl::Mutex mutex_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  bool reconciled_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::jthread thread_;
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_PROBE_CONTROLLER_H_
