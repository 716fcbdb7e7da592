#ifndef UPROBED_SERVER_PROBE_BPF_PROGRAMS_H_
#define UPROBED_SERVER_PROBE_BPF_PROGRAMS_H_

#include <array>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/base/c_handle.h"
#include "server/probe/bpf_object.h"
#include "server/probe/site_program.h"

struct bpf_program;
struct uprobed_bpf;

namespace uprobed::probe {

// The programs of one object. Those that nobody has asked for yet are loaded when somebody does,
// onto the same maps, and stay loaded. Thread-safe; who asks first waits for the kernel's verifier.
class BpfPrograms {
 public:
  // `object` outlives this.
  explicit BpfPrograms(const BpfObject& object);
  ~BpfPrograms();
  BpfPrograms(const BpfPrograms&) = delete;
  BpfPrograms& operator=(const BpfPrograms&) = delete;

  // The program of a kind of site that is probed, valid as long as this. FAILED_PRECONDITION
  // where the kernel refuses: INJECTION_UNAVAILABLE for those that write, else
  // DAEMON_CAPS_MISSING or KERNEL_FEATURE_MISSING.
  absl::StatusOr<bpf_program*> Get(profile::SiteKind kind);
  // The loaded programs, by name: descriptors that are valid as long as this.
  std::map<std::string, int> Loaded() const;

 private:
  absl::StatusOr<const uprobed_bpf*> Group(ProgramGroup group)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const BpfObject& object_;
  mutable absl::Mutex mutex_;
  std::array<BpfSkeleton, kProgramGroups> loaded_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_BPF_PROGRAMS_H_
