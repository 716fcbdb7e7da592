#ifndef UPROBED_SERVER_CONTROL_EVENT_DIRECTORY_H_
#define UPROBED_SERVER_CONTROL_EVENT_DIRECTORY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/span/assembler.h"
#include "server/span/live_check.h"

namespace uprobed::control {

// Tells the event loop which probe and process an event belongs to. The controller binds slots as
// it attaches; a binding outlives its attachment until the slot is bound anew, because events that
// were in the ring buffer when the sites were detached are still delivered. Thread-safe.
class EventDirectory {
 public:
  struct Binding {
    std::string probe_id;
    std::string binary_path;
    std::string service_name;  // of the spec; empty: by process
    bool capture_query = false;
    std::shared_ptr<const span::ErrorMethods> error_methods{};
    std::shared_ptr<span::DerivedRoutes> derived_routes{};
    std::shared_ptr<const span::FunctionNames> function_names{};
  };
  // `proc_root` is "/proc"; tests give their own.
  explicit EventDirectory(std::string proc_root = "/proc") : proc_root_(std::move(proc_root)) {}

  // `corroborated`: the fields whose offset two sources of the profile agree on.
  void Bind(uint32_t slot, Binding binding,
            const std::set<std::string, std::less<>>& corroborated = {});
  // The other service name of a bound slot.
  void SetServiceName(uint32_t slot, const std::string& service_name);

  // nullptr for a slot that was never bound. The first event of a process reads its environment
  // (OTEL_SERVICE_NAME, then service.name in OTEL_RESOURCE_ATTRIBUTES, else the file's name) and
  // its network namespace; later ones are answered from memory, and allocate nothing.
  // `now_monotonic_ns` ages the memory, so that a reused pid is read anew.
  std::shared_ptr<const span::EventSource> Find(uint32_t slot, uint32_t pid,
                                                uint64_t now_monotonic_ns);

  // Checks what an event of a bound slot says against what its fields can be, and withholds what
  // they cannot. Begins anew where the slot is bound anew.
  void Check(up_http_event& event);
  std::vector<span::FieldFinding> Findings(uint32_t slot) const;

  // Lets go of the functions' names of slots whose owner has let go of them, which is seen in one
  // call and done in the next: what was in the ring buffer until then has been delivered.
  // Thread: the one that calls Find().
  void ForgetFunctions();

  // The slot's sites are all attached, and its counters are those of its probe: what was delivered
  // of it since it was bound counts for the probe, too, and all that follows.
  void Admit(uint32_t slot);

  // What came out of the ring buffer of a probe's requests.
  struct Deliveries {
    uint64_t spans = 0;      // delivered
    uint64_t malformed = 0;  // refused by the decoder
  };
  // Counts a delivered span for the probe of its slot.
  void CountSpan(uint32_t slot);
  // Counts a record that was refused, for the probe whose slot it names, if it does.
  void CountMalformed(std::span<const std::byte> record);
  Deliveries DeliveriesOf(const std::string& probe_id) const;
  uint64_t Spans(const std::string& probe_id) const { return DeliveriesOf(probe_id).spans; }
  // For a probe that is deleted, so that one of the same name begins at 0: what is still in the
  // ring buffer counts for nobody.
  void ForgetSpans(const std::string& probe_id);

 private:
  struct Process {
    std::string service_name;  // empty: none in the environment
    uint64_t network_namespace = 0;
    uint64_t read_monotonic_ns = 0;
  };
  // What Find() has answered.
  struct Answer {
    std::shared_ptr<const span::EventSource> source;
    uint64_t read_monotonic_ns = 0;  // when the process was read
  };
  void ForgetAnswers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // `known` is what was read before; it stands where the process is gone.
  Process ReadProcess(uint32_t pid, uint64_t now_monotonic_ns,
                      const std::optional<Process>& known) const;

  const std::string proc_root_;
  mutable absl::Mutex mutex_;
  std::map<uint32_t, Binding> bindings_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, Answer> answers_ ABSL_GUARDED_BY(mutex_);  // by slot and pid
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;  // of what answers are made of
  std::map<uint32_t, span::LiveCheck> checks_ ABSL_GUARDED_BY(mutex_);  // by slot
  std::set<uint32_t> released_ ABSL_GUARDED_BY(mutex_);                 // slots
  std::map<uint32_t, Process> processes_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, std::shared_ptr<Deliveries>> slot_deliveries_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<Deliveries>> deliveries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_EVENT_DIRECTORY_H_
