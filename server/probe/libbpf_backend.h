#ifndef UPROBED_SERVER_PROBE_LIBBPF_BACKEND_H_
#define UPROBED_SERVER_PROBE_LIBBPF_BACKEND_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/probe/bpf_object.h"
#include "server/probe/bpf_programs.h"
#include "server/probe/event_reader.h"
#include "server/probe/forgotten_requests.h"
#include "server/probe/hit_cost_meter.h"
#include "server/probe/in_flight.h"
#include "server/probe/probe_backend.h"
#include "server/probe/request_metrics.h"
#include "server/probe/slot_allocator.h"

namespace uprobed::probe {

// The real kernel. Where it does not let BPF programs be loaded the backend still exists and says
// why through Available(), so that the daemon can serve profiles and diagnostics.
// Thread-safe. Attachments must not outlive it.
class LibbpfBackend : public ProbeBackend {
 public:
  explicit LibbpfBackend(const BpfObjectOptions& options = {});

  absl::StatusOr<std::unique_ptr<Attachment>> Attach(int fd, const profile::Profile& profile,
                                                     const AttachOptions& options) override;
  HitCosts MeasureHitCosts() override;
  void SetSpansStreamed(bool streamed) override;
  absl::Status Available() const override;
  std::vector<Feature> Features() const override { return features_; }

  // Whether requests that are served may be looked for among those that are made, which costs each
  // of them: as long as something is attached whose traces are stitched.
  bool LooksForConnections() const;
  // The reader of all attachments' events; FAILED_PRECONDITION where nothing is available.
  absl::StatusOr<std::unique_ptr<EventReader>> OpenEvents(EventReader::OnRecord on_record) const;
  // Requests that have begun and not ended.
  size_t InFlight() const;
  // Contexts of requests being served that lead to them.
  size_t ContextsInFlight() const;
  // Connections of requests being made that lead to them.
  size_t ConnectionsInFlight() const;
  // Requests being made whose headers are to be written.
  size_t HeadersInFlight() const;
  // Routes of requests being served.
  size_t RoutesInFlight() const;
  size_t TraceStatesInFlight() const;
  // Work that was handed from one goroutine to another.
  size_t HandoffsInFlight() const;
  // Forgets what was handed over long ago, by the monotonic clock; returns the number.
  size_t ForgetOldHandoffs(uint64_t now_ns) const;
  // The requests that InFlight() counts, by slot; empty where nothing is available.
  absl::StatusOr<std::vector<uint64_t>> InFlightBySlot() const;
  // Forgets requests of processes that no longer exist; they count as lost.
  size_t ForgetExitedProcesses() const;
  // Requests that have become no event since the last call; each is given out once.
  std::vector<RequestSums> TakeRequestSums() const;

  bool uprobe_multi() const { return object_.ok() && (*object_)->uprobe_multi(); }
  static std::string LibbpfVersion();

 private:
  const std::vector<Feature> features_;
  const absl::StatusOr<std::unique_ptr<BpfObject>> object_;
  // Null where nothing is available.
  const std::unique_ptr<BpfPrograms> programs_;
  const std::unique_ptr<HitCostMeter> hit_cost_meter_;
  const std::unique_ptr<RequestMetrics> request_metrics_;
  const std::unique_ptr<ForgottenRequests> forgotten_;
  SlotAllocator slots_;
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_LIBBPF_BACKEND_H_
