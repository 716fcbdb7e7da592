#ifndef UPROBED_SERVER_SPAN_TOPOLOGY_H_
#define UPROBED_SERVER_SPAN_TOPOLOGY_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/span/span.h"

namespace uprobed::span {

inline constexpr const char* kNone = "none";          // callee of a request that calls nobody
inline constexpr const char* kOverflow = "_other";    // the edge that takes what exceeds the bound

// Who calls whom, at the level of functions. A function is the route of the request being served,
// or its path where no route is known.
struct EdgeKey {
  std::string caller;           // service.name
  std::string caller_function;  // route or path being served; "none" outside of any request
  std::string callee;           // service.name where it is a probed service, else host:port
  std::string callee_function;  // path called
  auto operator<=>(const EdgeKey&) const = default;
};

struct Edge {
  EdgeKey key;
  uint64_t count = 0;
  uint64_t errors = 0;
  int64_t latency_sum_ns = 0;
  int64_t latency_max_ns = 0;
  int64_t last_seen_unix_ns = 0;
};

struct TopologyLimits {
  size_t max_edges = 4096;
  size_t max_pending = 65536;                          // client spans waiting for their server span
  int64_t pending_timeout_ns = 300'000'000'000;        // after it the caller's function stays unknown
};

struct TopologyStats {
  uint64_t edges = 0;
  uint64_t pending = 0;
  uint64_t overflowed = 0;  // spans counted on the overflow edge
  uint64_t expired = 0;     // client spans whose server span never came
};

// Builds edges from spans. A client span made while serving waits for its server span, which brings
// the route; a server span without client spans makes the edge [service, function, none, none].
// Thread-safe.
class Topology {
 public:
  explicit Topology(TopologyLimits limits = {}) : limits_(limits) {}

  void Add(const Span& span);
  // Says that requests to `authority` ("127.0.0.1:8080") from inside a network namespace reach
  // `service`, because a process of that service listens there.
  void SetService(uint64_t network_namespace, const std::string& authority,
                  const std::string& service);
  std::vector<Edge> Snapshot() const;  // ordered by key
  TopologyStats stats() const;

 private:
  struct Pending;
  void Count(EdgeKey key, const Span& span) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TopologyLimits limits_;
  mutable absl::Mutex mutex_;
  std::map<EdgeKey, Edge> edges_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_TOPOLOGY_H_
