#ifndef UPROBED_SERVER_PROBE_BPF_OBJECT_H_
#define UPROBED_SERVER_PROBE_BPF_OBJECT_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

struct bpf_program;
struct uprobed_bpf;

namespace uprobed::probe {

struct BpfObjectOptions {
  uint32_t ring_bytes = 0;           // a power of two and of pages; 0: the default
  uint32_t wakeup_bytes = 0;         // the reader is woken when so many wait; 0: the default
  uint32_t handoffs_max = 0;         // entries of each map of work handed over; 0: the default
  uint32_t request_metrics_max = 0;  // labels that requests without an event have; 0: the default
  bool allow_uprobe_multi = true;
  // Whether the programs of gRPC, and of work that is handed over, are loaded: the kernel verifies
  // each of them. Sites of what is not loaded cannot be attached.
  bool load_grpc = true;
  bool load_handoffs = true;
};

// File descriptors of the maps, valid as long as the object.
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
  int server_contexts = -1;
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
};

// The loaded BPF programs and maps. One for the whole daemon: binaries share it through slots.
// Thread-safe once loaded (everything is constant).
class BpfObject {
 public:
  // FAILED_PRECONDITION with DAEMON_CAPS_MISSING or KERNEL_FEATURE_MISSING where the kernel
  // refuses.
  static absl::StatusOr<std::unique_ptr<BpfObject>> Load(const BpfObjectOptions& options);
  ~BpfObject();
  BpfObject(const BpfObject&) = delete;
  BpfObject& operator=(const BpfObject&) = delete;

  const BpfMaps& maps() const { return maps_; }
  // Whether programs attach through uprobe_multi links; perf events else.
  bool uprobe_multi() const { return uprobe_multi_; }
  // Whether the programs may read the kernel's memory, where sockets are.
  bool reads_kernel() const { return reads_kernel_; }
  // For what shares the maps.
  const uprobed_bpf& skeleton() const { return *skeleton_; }
  bpf_program* server_start() const;
  bpf_program* server_end() const;
  bpf_program* server_recover() const;
  bpf_program* server_refused() const;
  bpf_program* server_route() const;
  bpf_program* server_handler() const;
  bpf_program* http2_server_start() const;
  bpf_program* http2_server_end() const;
  bpf_program* http2_server_unfinished() const;
  bpf_program* grpc_server_start() const;
  bpf_program* grpc_server_end() const;
  bpf_program* grpc_server_gone() const;
  bpf_program* grpc_client_start() const;
  bpf_program* grpc_client_end() const;
  bpf_program* client_start() const;
  bpf_program* client_connection() const;
  bpf_program* http2_client_attempt() const;
  bpf_program* http2_client_stream() const;
  bpf_program* client_end() const;
  bpf_program* client_body() const;
  bpf_program* server_first_byte() const;
  bpf_program* goroutine_start() const;
  bpf_program* timer_start() const;
  bpf_program* timer_stop() const;
  bpf_program* channel_send() const;
  bpf_program* channel_receive() const;
  bpf_program* channel_send_direct() const;
  bpf_program* channel_receive_direct() const;
  bpf_program* select_send() const;
  bpf_program* select_receive() const;
  bpf_program* select_done() const;
  bpf_program* channel_close() const;

 private:
  BpfObject(uprobed_bpf* skeleton, bool uprobe_multi, bool reads_kernel);
  uprobed_bpf* skeleton_;
  BpfMaps maps_;
  bool uprobe_multi_;
  bool reads_kernel_;
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_BPF_OBJECT_H_
