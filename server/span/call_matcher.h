#ifndef UPROBED_SERVER_SPAN_CALL_MATCHER_H_
#define UPROBED_SERVER_SPAN_CALL_MATCHER_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "server/span/span.h"

namespace uprobed::span {

struct CallMatcherLimits {
  size_t max_waiting = 65536;  // of calls, and of served requests
  // A request is served before its caller's span ends, but for responses that are sent while the
  // handler still runs: the caller is heard of within this, and the served request within that.
  int64_t served_timeout_ns = 10'000'000'000;
  int64_t call_timeout_ns = 300'000'000'000;
};

// A request that a probed program made.
struct OutgoingCall {
  uint64_t id = 0;  // the owner's
  SpanId span_id{};
  std::string service{};  // that is called; empty: not known
  uint64_t network_namespace = 0;
  std::string authority{};
  std::string target{};  // TargetOf(span)
  int64_t start_unix_ns = 0;
  int64_t end_unix_ns = 0;
};

// A request that a probed program served.
struct ServedRequest {
  SpanId parent_span_id{};  // of its traceparent; all zero: none
  std::string service{};
  std::string target{};
  int64_t start_unix_ns = 0;
  int64_t end_unix_ns = 0;
  int64_t latency_ns = 0;
  bool is_error = false;
  std::string function{};
  bool function_derived = false;
};

// What the client span and the server span of one request have in common: method and path, or an
// RPC's full method. The path is compared without its escapes, which a client may choose, and up to
// what both sides read.
std::string TargetOf(const Span& span);

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
                                                              const std::string& authority,
                                                              const std::string& service);
  // Requests for which no caller came in time, or which are too many. Forgets calls likewise.
  std::vector<ServedRequest> TakeUnclaimed(int64_t now_ns);
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
  };
  using Calls = std::list<WaitingCall>;
  using Served = std::list<WaitingServed>;
  // Hash of service and target, time, and a number that makes it unique. Whoever finds something by
  // its hash compares the texts, too.
  using Key = std::tuple<uint64_t, int64_t, uint64_t>;
  using IdKey = std::pair<SpanId, uint64_t>;

  Served::iterator FindServed(const OutgoingCall& call);
  Calls::iterator FindCall(const ServedRequest& served);
  ServedRequest Take(Served::iterator served);
  void Erase(Calls::iterator call);

  const CallMatcherLimits limits_;
  uint64_t sequence_ = 0;
  Calls calls_;  // oldest first
  std::map<Key, Calls::iterator> calls_by_end_;
  std::map<IdKey, Calls::iterator> calls_by_span_;
  Served served_;  // oldest first
  std::map<Key, Served::iterator> served_by_start_;
  std::map<IdKey, Served::iterator> served_by_parent_;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_CALL_MATCHER_H_
