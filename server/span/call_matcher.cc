#include "server/span/call_matcher.h"

#include <limits>
#include <string_view>

#include "absl/hash/hash.h"

namespace uprobed::span {
namespace {

// Start and end become wall-clock times one by one, and that clock may be adjusted in between.
constexpr int64_t kClockSlackNs = 10'000'000;
// Programs say how their services are called: where there are more, all are indexed.
constexpr size_t kMaxCalled = 1024;
constexpr int64_t kNoEnd = std::numeric_limits<int64_t>::max();
// What is left at least of a target that was cut at 256 bytes (UP_TARGET_MAX), each of them
// escaped.
constexpr size_t kComparedPathBytes = 80;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

template <typename Call>
uint64_t HashOf(const Call& call) {
  constexpr uint64_t kOddFactor = 0x9e3779b97f4a7c15;  // spreads the first over the second
  return call.service.hash() * kOddFactor ^ call.target.bits[0];
}

bool IsSame(const OutgoingCall& call, const ServedRequest& served) {
  return call.service == served.service && call.target == served.target;
}

bool IsSet(const SpanId& id) { return BitsOf(id) != 0; }

template <typename Map, typename Waiting>
void EraseIfIs(Map& by_span_id, const SpanId& id, Waiting waiting) {
  const auto found = by_span_id.find(id);
  if (found != by_span_id.end() && found->second == waiting) by_span_id.erase(found);
}

}  // namespace

Target::Target(std::string_view text)
    : bits{absl::HashOf(uint64_t{1}, text), absl::HashOf(uint64_t{2}, text)} {}

Target TargetOf(const Span& span, std::string& text) {
  text.clear();
  if (span.is_rpc()) {
    span.AppendRpcFullMethod(text);
    return Target(text);
  }
  text.append(span.method).append(" ");
  const size_t limit = text.size() + kComparedPathBytes;
  const std::string_view path = span.path;
  for (size_t i = 0; i < path.size() && text.size() < limit; ++i) {
    const int high = path[i] == '%' && i + 2 < path.size() ? HexDigit(path[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(path[i + 2]) : -1;
    if (low < 0) {
      text += path[i];
      continue;
    }
    text += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return Target(text);
}

CallMatcher::Served::iterator CallMatcher::FindServed(const OutgoingCall& call) {
  if (IsSet(call.span_id)) {
    const auto named = served_by_parent_.find(call.span_id);
    if (named != served_by_parent_.end()) return named->second;
  }
  if (call.service.empty()) return served_.end();
  const Served::iterator* const found = served_by_start_.Find(
      HashOf(call), call.start_unix_ns - kClockSlackNs, call.end_unix_ns + kClockSlackNs,
      [&](Served::iterator each) { return IsSame(call, each->served); });
  return found == nullptr ? served_.end() : *found;
}

CallMatcher::Calls::iterator CallMatcher::FindCall(const ServedRequest& served) {
  if (calls_.empty()) return calls_.end();
  if (IsSet(served.parent_span_id)) {
    const auto named = calls_by_span_.find(served.parent_span_id);
    if (named != calls_by_span_.end()) return named->second;
  }
  const Calls::iterator* const found = calls_by_end_.Find(
      HashOf(served), served.start_unix_ns - kClockSlackNs, kNoEnd, [&](Calls::iterator each) {
        const OutgoingCall& call = each->call;
        return call.start_unix_ns <= served.start_unix_ns + kClockSlackNs && IsSame(call, served);
      });
  return found == nullptr ? calls_.end() : *found;
}

void CallMatcher::Index(Served::iterator served) {
  const ServedRequest& kept = served->served;
  served_by_start_.Add(HashOf(kept), kept.start_unix_ns, served->sequence, served);
  served->is_indexed = true;
}

void CallMatcher::IndexServedBy(const Name& service) {
  if (service.empty() || IsCalled(service)) return;
  called_.insert(service);
  all_are_called_ = called_.size() > kMaxCalled;
  if (all_are_called_) called_.clear();
  for (auto each = served_.begin(); each != served_.end(); ++each) {
    if (!each->is_indexed && IsCalled(each->served.service)) Index(each);
  }
}

std::optional<ServedRequest> CallMatcher::AddCall(OutgoingCall call, int64_t now_ns) {
  IndexServedBy(call.service);
  if (const auto found = FindServed(call); found != served_.end()) return Take(found);
  const uint64_t sequence = ++sequence_;
  const auto added = calls_.insert(
      calls_.end(), {.call = std::move(call), .sequence = sequence, .arrival_ns = now_ns});
  const OutgoingCall& kept = added->call;
  if (IsSet(kept.span_id)) calls_by_span_.try_emplace(kept.span_id, added);
  if (!kept.service.empty()) {
    calls_by_end_.Add(HashOf(kept), kept.end_unix_ns, sequence, added);
  }
  return std::nullopt;
}

std::optional<uint64_t> CallMatcher::AddServed(ServedRequest served, int64_t now_ns) {
  if (const auto found = FindCall(served); found != calls_.end()) {
    const uint64_t id = found->call.id;
    Erase(found);
    return id;
  }
  const uint64_t sequence = ++sequence_;
  const auto added = served_.insert(
      served_.end(), {.served = std::move(served), .sequence = sequence, .arrival_ns = now_ns});
  const ServedRequest& kept = added->served;
  if (IsCalled(kept.service)) Index(added);
  if (IsSet(kept.parent_span_id)) served_by_parent_.try_emplace(kept.parent_span_id, added);
  return std::nullopt;
}

std::vector<std::pair<uint64_t, ServedRequest>> CallMatcher::NameService(uint64_t network_namespace,
                                                                         const Name& authority,
                                                                         const Name& service) {
  std::vector<std::pair<uint64_t, ServedRequest>> answered;
  for (auto each = calls_.begin(); each != calls_.end();) {
    const auto waiting = each++;
    OutgoingCall& call = waiting->call;
    if (!call.service.empty() || call.network_namespace != network_namespace ||
        call.authority != authority) {
      continue;
    }
    call.service = service;
    IndexServedBy(service);
    calls_by_end_.Add(HashOf(call), call.end_unix_ns, waiting->sequence, waiting);
    if (const auto served = FindServed(call); served != served_.end()) {
      answered.emplace_back(call.id, Take(served));
      Erase(waiting);
    }
  }
  return answered;
}

std::optional<ServedRequest> CallMatcher::TakeUnclaimed(int64_t now_ns) {
  while (!calls_.empty() && (calls_.size() > limits_.max_waiting ||
                             now_ns - calls_.front().arrival_ns > limits_.call_timeout_ns)) {
    Erase(calls_.begin());
  }
  const bool is_due =
      !served_.empty() && (served_.size() > limits_.max_waiting ||
                           now_ns - served_.front().arrival_ns > limits_.served_timeout_ns);
  if (!is_due) return std::nullopt;
  return Take(served_.begin());
}

ServedRequest CallMatcher::Take(Served::iterator served) {
  const ServedRequest& kept = served->served;
  if (served->is_indexed) {
    served_by_start_.Remove(HashOf(kept), kept.start_unix_ns, served->sequence);
  }
  if (IsSet(kept.parent_span_id)) EraseIfIs(served_by_parent_, kept.parent_span_id, served);
  ServedRequest taken = std::move(served->served);
  served_.erase(served);
  return taken;
}

void CallMatcher::Erase(Calls::iterator call) {
  const OutgoingCall& kept = call->call;
  if (!kept.service.empty()) calls_by_end_.Remove(HashOf(kept), kept.end_unix_ns, call->sequence);
  if (IsSet(kept.span_id)) EraseIfIs(calls_by_span_, kept.span_id, call);
  calls_.erase(call);
}

}  // namespace uprobed::span
