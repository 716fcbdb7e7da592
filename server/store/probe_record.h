#ifndef UPROBED_SERVER_STORE_PROBE_RECORD_H_
#define UPROBED_SERVER_STORE_PROBE_RECORD_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/base/span_limits.h"
#include "server/profile/profile.h"

namespace uprobed::store {

inline constexpr double kDefaultMaxOverhead = 0.01;

// What a user asked for.
struct ProbeSpec {
  std::string binary_path;      // absolute; for a pid target the path behind /proc/<pid>/exe
  uint32_t pid = 0;             // not 0: only this process is observed
  uint64_t pid_start_time = 0;  // clock ticks since boot: tells a reused pid
  std::string boot_id;          // a pid means nothing after a reboot
  std::vector<profile::Instrumentation> instrumentations;  // empty: all that the binary has
  bool enabled = true;
  bool capture_query = false;
  bool stitch_traces = false;
  bool server_first_byte = false;
  bool client_body = false;
  bool framework_routes = false;  // of gin, chi, echo and gorilla/mux
  // Requests that are made carry the trace; writes into the memory of the program.
  bool inject_traceparent = false;
  bool handler_function = false;
  // Calls on other goroutines are children of the request that started these, or that what they
  // received from a channel belongs to.
  bool causality_goroutines = false;
  bool causality_channels = false;
  SpanLimits span_limits{};
  // What its hits may cost together, as a fraction of one CPU; 0: whatever they do.
  double max_overhead = kDefaultMaxOverhead;
  bool allow_suspect_profile = false;  // attach although sources of offsets disagree
  std::string service_name;            // empty: from the process's environment or the file name
  bool operator==(const ProbeSpec&) const = default;
};

// The desired state of one probe.
struct ProbeRecord {
  std::string id;          // "shop": the name is "probes/shop"
  std::string uid;         // random, never reused
  int64_t generation = 0;  // 1 at creation, one more with each change of the spec
  ProbeSpec spec;
  std::map<std::string, std::string> labels;
  int64_t create_time_unix_ns = 0;
  int64_t update_time_unix_ns = 0;
  bool operator==(const ProbeRecord&) const = default;
};

// One mutating call, whatever its outcome.
struct AuditRecord {
  int64_t id = 0;  // given by the store
  int64_t time_unix_ns = 0;
  std::string peer;      // as the transport knows it: "unix:", "ipv4:127.0.0.1:4711"
  std::string method;    // "uprobed.v1.ProbeService/CreateProbe"
  std::string resource;  // "probes/shop"
  std::string code;      // "OK", "NOT_FOUND"
  std::string reason;    // empty when OK
};

}  // namespace uprobed::store

#endif  // UPROBED_SERVER_STORE_PROBE_RECORD_H_
