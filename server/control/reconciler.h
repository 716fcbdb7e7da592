#ifndef UPROBED_SERVER_CONTROL_RECONCILER_H_
#define UPROBED_SERVER_CONTROL_RECONCILER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/control/attachment_set.h"
#include "server/control/event_directory.h"
#include "server/control/field_verdicts.h"
#include "server/control/hit_cost_cache.h"
#include "server/control/known_target.h"
#include "server/control/probe.h"
#include "server/control/probe_overhead.h"
#include "server/control/process_table.h"
#include "server/control/profile_catalog.h"
#include "server/control/retired_attachments.h"
#include "server/control/target.h"
#include "server/probe/probe_backend.h"
#include "server/store/probe_record.h"

namespace uprobed::control {

// ALREADY_EXISTS BINARY_ALREADY_PROBED, naming the probe in the way.
absl::Status AlreadyProbedError(const std::string& other);

// Brings what is attached into line with what is wanted, one probe at a time, and owns what is
// attached. Thread: one at a time; the attachment sets may be read by others meanwhile.
class Reconciler {
 public:
  struct Options {
    std::string proc_root;
    std::string boot_id;
    std::function<uint64_t()> monotonic_nanos;
  };
  // The references outlive the reconciler.
  Reconciler(ProfileCatalog& catalog, probe::ProbeBackend& backend, EventDirectory& directory,
             Options options);

  // One step for one probe. Never fails: an error becomes the state. Fills what is known without
  // the counters and the times of transitions.
  ProbeStatus Reconcile(const store::ProbeRecord& record, const ProcessTable& processes);

  // What is attached for a probe; never null.
  std::shared_ptr<const AttachmentSet> Attachments(const std::string& id);
  // Another probe than `id` whose attachment would observe the same processes of `file`; empty
  // where there is none. Two attachments would make two spans of each request.
  std::string AttachedBy(const FileId& file, uint32_t pid, const std::string& id) const;

  // Detaches and forgets: once it returns no process hits a site of the probe any more.
  void Remove(const std::string& id);
  // Once it returns nothing is left in the kernel. To be called last.
  void RemoveAll();

 private:
  // An attempt that failed is not repeated before its time, unless what it was about has changed.
  struct Failure {
    absl::Status error;
    int64_t generation = 0;
    FileVersion version;
    int count = 0;
    uint64_t retry_monotonic_ns = 0;
  };
  struct Runtime {
    uint32_t pid = 0;  // not 0: observes this process only
    std::string service_name;
    std::shared_ptr<AttachmentSet> attachments = std::make_shared<AttachmentSet>();
    std::optional<Failure> failure;
    ProbeOverhead overhead;
    // Detached until the probe may cost something again; without attachments.
    std::vector<AttachedBinary> suspended;
  };
  // What a step has found. What is said of what is attached means nothing where `attached` is not
  // OK.
  struct Verdict {
    ProbeState state = ProbeState::kActive;
    absl::Status attached;
    absl::Status complete{};
    absl::Status fields_consistent{};
  };

  static ProbeConditions ConditionsOf(const Verdict& verdict, const absl::Status& within_budget);
  Verdict Step(const store::ProbeRecord& record, const ProcessTable& processes, Runtime& runtime);
  Verdict Follow(const store::ProbeRecord& record, const FileVersion& current, Runtime& runtime);
  // Attaches the file that the target is now.
  absl::StatusOr<KnownTarget> ResolveTarget(const store::ProbeRecord& record);
  absl::Status AttachTarget(const store::ProbeRecord& record, Runtime& runtime);
  absl::Status Attach(const store::ProbeRecord& record, AttachedBinary binary, Runtime& runtime);
  // Attaches anew what is attached with other options than those wanted now.
  void ApplyOptions(const store::ProbeRecord& record, Runtime& runtime);
  // Measures what the probe costs and decides how much it may do; what follows from that is done by
  // the others.
  void Govern(const store::ProbeRecord& record, Runtime& runtime);
  static void Suspend(Runtime& runtime);
  void Resume(const store::ProbeRecord& record, Runtime& runtime);
  void Bind(const store::ProbeRecord& record, const AttachedBinary& binary, uint32_t slot);
  void NoteFailure(const store::ProbeRecord& record, const FileVersion& version, absl::Status error,
                   Runtime& runtime);

  ProfileCatalog& catalog_;
  probe::ProbeBackend& backend_;
  EventDirectory& directory_;
  FieldVerdicts verdicts_;
  HitCostCache hit_costs_;
  const Options options_;
  std::map<std::string, Runtime> runtimes_;
  RetiredAttachments retired_;
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_RECONCILER_H_
