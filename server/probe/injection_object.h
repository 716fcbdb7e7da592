#ifndef UPROBED_SERVER_PROBE_INJECTION_OBJECT_H_
#define UPROBED_SERVER_PROBE_INJECTION_OBJECT_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/probe/bpf_object.h"

struct bpf_program;
struct uprobed_bpf;

namespace uprobed::probe {

// The BPF programs that write into the memory of what they observe. The kernel warns in its log
// whenever such a program is loaded, and refuses it where it is locked down, so nobody pays for
// them but those who ask. They share all maps with the BpfObject, which outlives this. Thread-safe
// once loaded (everything is constant).
class InjectionObject {
 public:
  // FAILED_PRECONDITION INJECTION_UNAVAILABLE where the kernel does not allow it.
  static absl::StatusOr<std::unique_ptr<InjectionObject>> Load(const BpfObject& object);
  ~InjectionObject();
  InjectionObject(const InjectionObject&) = delete;
  InjectionObject& operator=(const InjectionObject&) = delete;

  bpf_program* client_headers() const;
  bpf_program* http2_client_headers() const;

 private:
  explicit InjectionObject(uprobed_bpf* skeleton) : skeleton_(skeleton) {}
  uprobed_bpf* skeleton_;
};

// Loads the programs for the first who asks, and unloads them after the last. Thread-safe.
class InjectionPrograms {
 public:
  absl::StatusOr<std::shared_ptr<const InjectionObject>> Get(const BpfObject& object);

 private:
  absl::Mutex mutex_;
  std::weak_ptr<const InjectionObject> loaded_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_INJECTION_OBJECT_H_
