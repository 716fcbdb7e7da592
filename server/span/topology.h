#ifndef UPROBED_SERVER_SPAN_TOPOLOGY_H_
#define UPROBED_SERVER_SPAN_TOPOLOGY_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/span/span.h"

namespace uprobed::span {

inline constexpr const char* kNone = "none";        // callee of a request that calls nobody
inline constexpr const char* kOverflow = "_other";  // the edge that takes what exceeds the bound
inline constexpr const char* kUnknown = "unknown";  // a function or callee that was never seen

// Who calls whom, at the level of functions. A function is the route of the request being served,
// or its path without identifiers (PathTemplate) where no route is known.
struct EdgeKey {
  std::string caller;  // service.name
  // What is being served; "none" outside of any request, "unknown" where the server span that
  // would tell it never came.
  std::string caller_function;
  std::string callee;           // service.name where it is a probed service, else host:port
  std::string callee_function;  // path called, without identifiers
  // clang-tidy 14 takes the comparison with 0 that the compiler writes for a null pointer.
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
  size_t max_edges = 4096;                       // the overflow edge comes on top
  size_t max_pending = 65536;                    // client spans waiting for their server span
  int64_t pending_timeout_ns = 300'000'000'000;  // after it the caller's function stays unknown
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
  // Says that requests to `authority` ("127.0.0.1:8080", "[::1]:8080") from inside a network
  // namespace reach `service`, because a process of that service listens there. An empty `service`
  // forgets it. Authorities are compared as they are: the caller gives each name of an address.
  // Edges counted under the bare authority before it was known become the service's; edges of a
  // service stay the service's when it is forgotten.
  void SetService(uint64_t network_namespace, const std::string& authority,
                  const std::string& service);
  std::vector<Edge> Snapshot() const;  // ordered by key
  TopologyStats stats() const;

 private:
  // A client span that waits for the server span that it was made for.
  struct Pending {
    SpanId server_span_id{};
    EdgeKey key;  // caller_function still to come, callee as an authority
    std::optional<uint64_t> callee_namespace;  // where the authority is to be looked up
    bool is_error = false;
    int64_t latency_ns = 0;
    int64_t end_unix_ns = 0;
  };
  // An edge whose callee is an authority that is not known to be a service, in one network
  // namespace; the same authority in another one may be another program.
  struct CountedKey {
    EdgeKey key;
    std::optional<uint64_t> unresolved_in;
    auto operator<=>(const CountedKey&) const = default;
  };
  struct SpanIdHash {
    size_t operator()(const SpanId& id) const;
  };
  using PendingList = std::list<Pending>;

  void AddServer(const Span& span) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddClient(const Span& span) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ExpirePending() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ExpireOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  CountedKey Resolve(const Pending& request) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Count(const Pending& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TopologyLimits limits_;
  mutable absl::Mutex mutex_;
  std::map<CountedKey, Edge> edges_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<uint64_t, std::string>, std::string> services_ ABSL_GUARDED_BY(mutex_);
  PendingList pending_ ABSL_GUARDED_BY(mutex_);  // oldest first
  std::unordered_multimap<SpanId, PendingList::iterator, SpanIdHash> pending_by_server_
      ABSL_GUARDED_BY(mutex_);
  int64_t newest_end_unix_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t overflowed_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t expired_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_TOPOLOGY_H_
