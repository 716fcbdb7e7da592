#ifndef UPROBED_SERVER_PROBE_BPF_OBJECT_H_
#define UPROBED_SERVER_PROBE_BPF_OBJECT_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/probe/site_program.h"

struct uprobed_bpf;

namespace uprobed::probe {

struct BpfObjectOptions {
  uint32_t ring_bytes = 0;           // a power of two and of pages; 0: the default
  uint32_t handoffs_max = 0;         // entries of each map of work handed over; 0: the default
  uint32_t request_metrics_max = 0;  // labels that requests without an event have; 0: the default
  bool allow_uprobe_multi = true;
};

// File descriptors of the maps, and what of them is in the daemon's memory, valid as long as the
// object.
struct BpfMaps {
  int profile_slots = -1;
  int span_limits = -1;
  int span_rates = -1;
  int request_metrics = -1;
  int overflowed_request_metrics = -1;
  int scoped_processes = -1;
  int server_requests = -1;
  int client_requests = -1;
  int grpc_client_requests = -1;
  int server_routes = -1;
  int trace_states = -1;
  int outgoing_connections = -1;
  int http2_attempts = -1;
  int outgoing_headers = -1;
  int goroutine_origins = -1;
  int sent_elements = -1;
  int timer_functions = -1;
  int select_receives = -1;
  int client_bodies = -1;
  int failed_bodies = -1;
  int counters = -1;
  int events = -1;
  int server_contexts = -1;
  uint64_t* kept_requests = nullptr;   // which programs change meanwhile
  bool* spans_are_streamed = nullptr;  // which programs read meanwhile
  uint64_t* stitched_slots = nullptr;  // likewise
};

struct SkeletonDeleter {
  void operator()(uprobed_bpf* skeleton) const noexcept;
};
using BpfSkeleton = std::unique_ptr<uprobed_bpf, SkeletonDeleter>;

// Of an opened object that is to be loaded, the programs of one group, as they will be attached.
void ChoosePrograms(const uprobed_bpf& skeleton, ProgramGroup group, bool uprobe_multi);

// What the kernel's refusal means: DAEMON_CAPS_MISSING or KERNEL_FEATURE_MISSING.
absl::Status LoadError(int error_number);

// The BPF maps, and the programs that each attachment needs. One for the whole daemon: binaries
// share it through slots. Thread-safe once loaded (everything is constant).
class BpfObject {
 public:
  // FAILED_PRECONDITION with DAEMON_CAPS_MISSING or KERNEL_FEATURE_MISSING where the kernel
  // refuses.
  static absl::StatusOr<std::unique_ptr<BpfObject>> Load(const BpfObjectOptions& options);
  const BpfMaps& maps() const { return maps_; }
  // Whether programs attach through uprobe_multi links; perf events else.
  bool uprobe_multi() const { return uprobe_multi_; }
  // Whether the programs may read the kernel's memory, where sockets are.
  bool reads_kernel() const { return reads_kernel_; }
  // For what shares the maps.
  const uprobed_bpf& skeleton() const { return *skeleton_; }

 private:
  BpfObject(BpfSkeleton skeleton, bool uprobe_multi, bool reads_kernel);

  BpfSkeleton skeleton_;
  BpfMaps maps_;
  bool uprobe_multi_;
  bool reads_kernel_;
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_BPF_OBJECT_H_
