#ifndef UPROBED_SERVER_SPAN_TOPOLOGY_H_
#define UPROBED_SERVER_SPAN_TOPOLOGY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/span/call_matcher.h"
#include "server/span/edge.h"
#include "server/span/edge_table.h"
#include "server/span/name.h"
#include "server/span/pending_calls.h"
#include "server/span/recent_functions.h"
#include "server/span/span.h"

namespace uprobed::span {

struct TopologyLimits {
  size_t max_edges = 10'000;              // the overflow edge comes on top
  int64_t window_ns = 3'600'000'000'000;  // after it an edge that was not seen is dropped
  size_t max_pending = 65536;             // client spans that wait for what they lack
  // After it the function of a caller whose server span did not come is unknown.
  int64_t caller_timeout_ns = 300'000'000'000;
  // How long an address may turn out to be a service's, which is looked up every second.
  int64_t address_timeout_ns = 3'000'000'000;
  CallMatcherLimits matcher{};
};

struct TopologyStats {
  uint64_t edges = 0;
  uint64_t pending = 0;     // client spans that wait for what they lack
  uint64_t waiting = 0;     // server spans that may still be claimed by a client span
  uint64_t overflowed = 0;  // requests counted on the overflow edge
  uint64_t expired = 0;     // client spans whose server span never came
  uint64_t dropped = 0;     // edges that were not seen for the window
};

// Builds edges from spans.
// - A client span is an edge. One made while serving waits for that server span, which brings the
//   route; one to a probed service waits for the server span at the other end, which brings the
//   callee's route (CallMatcher); one to an address that is no service's waits a little, because it
//   may be that of a program which has just begun to listen.
// - A server span for which no client span was made is an edge to "none" as well. A call that goes
//   on after its request was answered comes too late for that, and the request is counted as both.
// - A server span that no client span claims is an edge from "outside" as well.
// Thread-safe. `now_ns` is monotonic.
class Topology {
 public:
  // Is told each request when it is counted, in the thread that Add(), Advance() or SetService() is
  // called in, and with a lock held: it must not call back.
  using Observer = std::function<void(const Call& call, int64_t now_ns)>;

  explicit Topology(TopologyLimits limits = {}, Observer observer = {});

  void Add(const Span& span, int64_t now_ns);
  // Ends waits and drops edges whose time has come; to be called several times a second.
  void Advance(int64_t now_ns);
  // Says that requests to `authority` ("127.0.0.1:8080", "[::1]:8080") from inside a network
  // namespace reach `service`, because a process of that service listens there. An empty `service`
  // forgets it. Authorities are compared as they are: the caller gives each name of an address.
  // Edges counted under the bare authority before it was known become the service's; edges of a
  // service stay the service's when it is forgotten.
  void SetService(uint64_t network_namespace, const std::string& authority,
                  const std::string& service);
  std::vector<Edge> Snapshot() const;  // ordered by key
  // `revision` is 0 or that of an earlier answer.
  EdgeChanges ChangesSince(uint64_t revision) const;
  TopologyStats stats() const;

 private:
  FunctionName FunctionOf(const Span& server) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  FunctionName CalledBy(const Span& client) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  FunctionName FunctionOfMethod(const Span& rpc) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  FunctionName FunctionOfPath(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Name AuthorityOf(const Span& client) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ServedRequest ServedOf(const Span& server, const Name& service, const FunctionName& function)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Call CallFromOutside(const ServedRequest& served) const;

  void AddServer(const Span& span) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddClient(const Span& span) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetCaller(PendingCall& pending, const Span& client) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetCallee(PendingCall& pending, const Span& client) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Answered(uint64_t id, const ServedRequest& served) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountIfComplete(PendingCall& pending) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndWaitForCallee(PendingCall& pending) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndWaits() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ExpireOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Count(Call call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TopologyLimits limits_;
  const Observer observer_;
  const Name nobody_{kNobody};
  const Name outside_{kOutside};
  const Name unknown_{kUnknown};
  mutable absl::Mutex mutex_;
  NameTable names_ ABSL_GUARDED_BY(mutex_);
  std::string text_ ABSL_GUARDED_BY(mutex_);  // of a name to be; keeps its memory
  EdgeTable edges_ ABSL_GUARDED_BY(mutex_);
  CallMatcher matcher_ ABSL_GUARDED_BY(mutex_);
  RecentFunctions recent_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::pair<uint64_t, Name>, Name> services_ ABSL_GUARDED_BY(mutex_);
  PendingCalls pending_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t now_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t overflowed_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t expired_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_TOPOLOGY_H_
