#ifndef UPROBED_SERVER_SPAN_CALL_MATCHER_H_
#define UPROBED_SERVER_SPAN_CALL_MATCHER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "server/span/name.h"
#include "server/span/recycling_memory.h"
#include "server/span/span.h"
#include "server/span/span_id_map.h"
#include "server/span/time_index.h"

namespace uprobed::span {

struct CallMatcherLimits {
  size_t max_waiting = 65536;  // of calls, and of served requests
  // A request is served before its caller's span ends, but for responses that are sent while the
  // handler still runs: the caller is heard of within this, and the served request within that.
  int64_t served_timeout_ns = 10'000'000'000;
  int64_t call_timeout_ns = 300'000'000'000;
};

// What the client span and the server span of one request have in common: method and path, or an
// RPC's full method. The path is compared without its escapes, which a client may choose, and up to
// what both sides read. Of the text no more is kept than 128 bits that no two texts can be expected
// to share.
struct Target {
  Target() = default;
  explicit Target(std::string_view text);
  bool operator==(const Target&) const = default;

  std::array<uint64_t, 2> bits{};
};
// `text` is used for it, and keeps its memory.
Target TargetOf(const Span& span, std::string& text);

// A request that a probed program made.
struct OutgoingCall {
  uint64_t id = 0;  // the owner's
  SpanId span_id{};
  Name service{};  // that is called; empty: not known
  uint64_t network_namespace = 0;
  Name authority{};
  Target target{};
  int64_t start_unix_ns = 0;
  int64_t end_unix_ns = 0;
};

// A request that a probed program served.
struct ServedRequest {
  SpanId parent_span_id{};  // of its traceparent; all zero: none
  Name service{};
  Target target{};
  int64_t start_unix_ns = 0;
  int64_t end_unix_ns = 0;
  int64_t latency_ns = 0;
  bool is_error = false;
  Name function{};
  bool function_derived = false;
};

// Tells which served request is which call of a probed program: the one whose traceparent names the
// call; else one of the same service, method and path that began while the call was under way. Each
// is given away once, so that the rest, which nobody claims, was called from outside. With several
// calls of one service, method and path under way at once, which is whose is not known, and how
// many are nobody's is all the same: the calls that end first are given the requests that began
// first, which leaves none without that has one. Thread: the owner's only.
class CallMatcher {
 public:
  explicit CallMatcher(CallMatcherLimits limits = {}) : limits_(limits) {}

  // The request that answered the call, or nothing: then the call waits for it.
  std::optional<ServedRequest> AddCall(OutgoingCall call, int64_t now_ns);
  // The id of the call that it answers, or nothing: then the request waits for it.
  std::optional<uint64_t> AddServed(ServedRequest served, int64_t now_ns);
  // Names the service of calls to an address that was not known to be one. Returns those that were
  // answered by a request that waits, by id.
  std::vector<std::pair<uint64_t, ServedRequest>> NameService(uint64_t network_namespace,
                                                              const Name& authority,
                                                              const Name& service);
  // A request for which no caller came in time, or which is one too many; nothing where there is
  // none, or no more. Forgets calls likewise.
  std::optional<ServedRequest> TakeUnclaimed(int64_t now_ns);
  size_t waiting() const { return served_.size(); }

 private:
  struct WaitingCall {
    OutgoingCall call;
    uint64_t sequence = 0;
    int64_t arrival_ns = 0;
  };
  struct WaitingServed {
    ServedRequest served;
    uint64_t sequence = 0;
    int64_t arrival_ns = 0;
    bool is_indexed = false;
  };
  using Calls = std::pmr::list<WaitingCall>;
  using Served = std::pmr::list<WaitingServed>;
  Served::iterator FindServed(const OutgoingCall& call);
  Calls::iterator FindCall(const ServedRequest& served);
  bool IsCalled(const Name& service) const { return all_are_called_ || called_.contains(service); }
  void Index(Served::iterator served);
  void IndexServedBy(const Name& service);
  ServedRequest Take(Served::iterator served);
  void Erase(Calls::iterator call);

  const CallMatcherLimits limits_;
  uint64_t sequence_ = 0;
  RecyclingMemory memory_;
  Calls calls_{&memory_};  // oldest first
  // By the hash of service and target: whoever finds something compares these, too.
  TimeIndex<Calls::iterator> calls_by_end_{&memory_};
  // Of several with one id, the first.
  MapBySpanId<Calls::iterator> calls_by_span_;
  Served served_{&memory_};  // oldest first
  // Services that a probed program has called. What others serve, as a rule to the outside, nobody
  // will look for, until somebody calls them.
  absl::flat_hash_set<Name> called_;
  bool all_are_called_ = false;  // or so many that they are not told apart
  TimeIndex<Served::iterator> served_by_start_{&memory_};  // those of `called_`
  MapBySpanId<Served::iterator> served_by_parent_;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_CALL_MATCHER_H_
