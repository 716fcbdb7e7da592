#ifndef UPROBED_SERVER_PROBE_PROBE_BACKEND_H_
#define UPROBED_SERVER_PROBE_PROBE_BACKEND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpf/abi/counters.h"
#include "server/base/span_limits.h"
#include "server/probe/hit_costs.h"
#include "server/profile/profile.h"

namespace uprobed::probe {

struct AttachOptions {
  std::vector<profile::Instrumentation> instrumentations;
  bool capture_query = false;
  bool server_first_byte = false;  // the server's sites tell when a response begins
  bool client_body = false;        // a client's request ends with the body of its response
  bool stitch_traces = false;      // the client's sites tell which connection a request goes out on
  bool framework_routes = false;   // routers tell the route of each request
  bool inject_traceparent = false;  // requests that are made are given the header
  bool handler_function = false;    // the function is told that serves each request
  SpanLimits span_limits;
  double span_keep_ratio = 1;         // see SetSpanKeepRatio
  std::vector<uint32_t> scoped_pids;  // empty: every process of the binary
  // Called with the slot before the first site is live, so that no event comes unannounced.
  std::function<void(uint32_t slot)> on_slot;
};

// Sites attached in one binary. Destroying it detaches all of them and frees the slot.
// Thread: one at a time, but counters() at any time.
class Attachment {
 public:
  virtual ~Attachment() = default;
  // Begins to detach all sites: once it returns no process hits one any more, but those that are in
  // the middle of it may still count. May be called twice.
  virtual void BeginDetach() = 0;
  // Detaches all sites, synchronously: once it returns counters() is final. May be called twice,
  // and after BeginDetach().
  virtual void Detach() = 0;
  // Other limits, from now on; no site is touched. A request that is under way is sampled or
  // filtered by what held when it began. INTERNAL ATTACH_FAILED.
  virtual absl::Status SetSpanLimits(const SpanLimits& limits) = 0;
  // Keeps so much of the traces that the limits let pass, from now on, 0 for none; requests without
  // a span are counted as suppressed for the budget, and in the metrics. INTERNAL ATTACH_FAILED.
  virtual absl::Status SetSpanKeepRatio(double ratio) = 0;
  virtual uint32_t slot() const = 0;  // up_http_event.slot of its events; not reused while alive
  virtual size_t site_count() const = 0;
  virtual size_t single_stepped_site_count() const = 0;
  virtual up_counters counters() const = 0;  // sums over the CPUs, since the attach
};

// One thing the kernel must offer, as `doctor` shows it.
struct Feature {
  std::string name;  // "btf", "ring_buffer", "uprobe_multi", "tracefs", "cap_bpf", ...
  bool available = false;
  bool required = false;
  std::string detail;  // what was found, or how to get it
};

// The kernel, behind the one interface that tests fake.
class ProbeBackend {
 public:
  virtual ~ProbeBackend() = default;

  // Attaches to the open binary `fd` after comparing each site's bytes with it. The slot is filled
  // before the first site is live. All or nothing. Reasons: PROFILE_BYTES_MISMATCH,
  // SLOTS_EXHAUSTED, KERNEL_FEATURE_MISSING, DAEMON_CAPS_MISSING, ATTACH_FAILED; for what is asked
  // of the kernel by an option, STITCHING_UNAVAILABLE, INJECTION_UNAVAILABLE.
  virtual absl::StatusOr<std::unique_ptr<Attachment>> Attach(int fd,
                                                             const profile::Profile& profile,
                                                             const AttachOptions& options) = 0;

  // What hits cost, measured now: see server/probe/hit_cost_meter.h for how. Takes about 20 ms, the
  // first time a tenth of a second more.
  virtual HitCosts MeasureHitCosts() = 0;

  // Whether somebody streams spans from now on; nobody does before the first call. Requests of what
  // is attached with SpanLimits::only_while_streamed become spans only while it is so. Never waits.
  virtual void SetSpansStreamed(bool streamed) = 0;

  // Why nothing can be attached on this machine; OK where it can.
  virtual absl::Status Available() const = 0;
  virtual std::vector<Feature> Features() const = 0;
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_PROBE_BACKEND_H_
