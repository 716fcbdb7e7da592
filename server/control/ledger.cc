#include "server/control/ledger.h"

#include <algorithm>
#include <iterator>

namespace uprobed::control {
namespace {

constexpr char kKernelStage[] = "kernel";
constexpr char kRingStage[] = "ring";
constexpr char kDaemonStage[] = "daemon";

// A drain that was under way as a look ended may have passed what was written before that.
constexpr uint64_t kDrainsBehindALook = 2;

// The event loop and the reconciler.
constexpr uint64_t kForgetters = 2;

// What a counter of the kernel says of the requests.
enum class CounterRole : uint8_t {
  kEnters,       // a site was hit: one request more
  kEntersInHit,  // the same, within the hit of another site
  kMoves,        // a site was hit by which a request may end
  kLeaves,       // one request less, within a hit
  kForgotten,    // one request less, by the daemon
  kOther,        // of no request, or of one that is counted elsewhere
};

// No default: who adds a counter is asked by the compiler what it means for the account.
CounterRole RoleOf(up_counter counter) {
  switch (counter) {
    case UP_COUNTER_HITS_SERVER_START:
    case UP_COUNTER_HITS_SERVER_REFUSED:
    case UP_COUNTER_HITS_HTTP2_SERVER_START:
    case UP_COUNTER_HITS_CLIENT_START:
    case UP_COUNTER_HITS_GRPC_SERVER_START:
    case UP_COUNTER_HITS_GRPC_CLIENT_START:
      return CounterRole::kEnters;
    case UP_COUNTER_HTTP2_REFUSED:
    case UP_COUNTER_REPEATED_BODY_END:
      return CounterRole::kEntersInHit;
    case UP_COUNTER_HITS_SERVER_END:
    case UP_COUNTER_HITS_SERVER_RECOVER:
    case UP_COUNTER_HITS_HTTP2_SERVER_END:
    case UP_COUNTER_HITS_HTTP2_SERVER_UNFINISHED:
    case UP_COUNTER_HITS_CLIENT_END:
    case UP_COUNTER_HITS_CLIENT_BODY:
    case UP_COUNTER_HITS_GRPC_SERVER_END:
    case UP_COUNTER_HITS_GRPC_CLIENT_END:
      return CounterRole::kMoves;
    case UP_COUNTER_EVENTS_SUBMITTED:
    case UP_COUNTER_REPEATED_START:
    case UP_COUNTER_HTTP2_PREFACE:
    case UP_COUNTER_SUPPRESSED_FILTERED:
    case UP_COUNTER_SUPPRESSED_SAMPLED:
    case UP_COUNTER_SUPPRESSED_RATE_LIMITED:
    case UP_COUNTER_SUPPRESSED_BUDGET:
    case UP_COUNTER_SUPPRESSED_UNSTREAMED:
    case UP_COUNTER_LOST_RING_FULL:
    case UP_COUNTER_LOST_MAP_FULL:
    case UP_COUNTER_LOST_ABANDONED:
    case UP_COUNTER_LOST_READ_FAULT:
    case UP_COUNTER_LOST_PREEMPTED:
      return CounterRole::kLeaves;
    case UP_COUNTER_LOST_PROCESS_EXITED:
    case UP_COUNTER_LOST_DETACHED:
      return CounterRole::kForgotten;
    // Its start was before the attach, or is counted as abandoned.
    case UP_COUNTER_LOST_NO_START:
    case UP_COUNTER_REPEATED_END:
    case UP_COUNTER_OUT_OF_SCOPE:
    case UP_COUNTER_FIELD_UNREAD:
    case UP_COUNTER_METRICS_OVERFLOWED:
    case UP_COUNTER_BODY_MAP_FULL:
    case UP_COUNTER_ROUTE_MAP_FULL:
    case UP_COUNTER_HANDOFF_MAP_FULL:
    case UP_COUNTER_HANDOFF_EXPIRED:
    case UP_COUNTER_HANDOFF_AMBIGUOUS:
    case UP_COUNTER_INJECTED:
    case UP_COUNTER_NOT_INJECTED_OWN_HEADER:
    case UP_COUNTER_NOT_INJECTED_HEADERS:
    case UP_COUNTER_NOT_INJECTED_NO_ROOM:
    case UP_COUNTER_NOT_INJECTED_NO_REQUEST:
    case UP_COUNTER_NOT_INJECTED_FAULT:
    case UP_COUNTER_HITS_CLIENT_CONNECTION:
    case UP_COUNTER_HITS_CLIENT_HEADERS:
    case UP_COUNTER_HITS_HTTP2_CLIENT_ATTEMPT:
    case UP_COUNTER_HITS_HTTP2_CLIENT_STREAM:
    case UP_COUNTER_HITS_HTTP2_CLIENT_HEADERS:
    case UP_COUNTER_HITS_SERVER_FIRST_BYTE:
    case UP_COUNTER_HITS_SERVER_ROUTE:
    case UP_COUNTER_HITS_SERVER_HANDLER:
    case UP_COUNTER_HITS_GOROUTINE_START:
    case UP_COUNTER_HITS_TIMER:
    case UP_COUNTER_HITS_CHANNEL_SEND:
    case UP_COUNTER_HITS_CHANNEL_RECEIVE:
    case UP_COUNTER_COUNT:
      return CounterRole::kOther;
  }
  return CounterRole::kOther;
}

// Of slots that the probe had in both readings it had all that was counted, of those in one only
// perhaps: the slot may have been another's meanwhile.
std::pair<uint64_t, uint64_t> InFlightOf(const Probe& before, const Probe& after,
                                         const std::vector<uint64_t>& in_flight) {
  uint64_t least = 0;
  uint64_t most = 0;
  const auto has = [](const Probe& probe, uint32_t slot) {
    const std::vector<uint32_t>& slots = probe.status.slots;
    return std::find(slots.begin(), slots.end(), slot) != slots.end();
  };
  for (uint32_t slot = 0; slot < in_flight.size(); ++slot) {
    if (in_flight[slot] == 0) continue;
    const bool at_begin = has(before, slot);
    const bool at_end = has(after, slot);
    if (at_begin && at_end) least += in_flight[slot];
    if (at_begin || at_end) most += in_flight[slot];
  }
  return {least, most};
}

}  // namespace

Account KernelAccount(const up_counters& counters) {
  Account account;
  for (size_t i = 0; i < std::size(counters.value); ++i) {
    const uint64_t count = counters.value[i];
    const auto amount = static_cast<int64_t>(count);
    const CounterRole role = RoleOf(static_cast<up_counter>(i));
    const bool enters = role == CounterRole::kEnters || role == CounterRole::kEntersInHit;
    const bool leaves = role == CounterRole::kLeaves || role == CounterRole::kForgotten;
    const bool is_step = role == CounterRole::kEnters || role == CounterRole::kMoves ||
                         role == CounterRole::kForgotten;
    if (enters) account.entered += amount;
    if (leaves) account.left += amount;
    if (is_step) account.steps += count;
  }
  return account;
}

Account RingAccount(const ProbeStatus& status) {
  const uint64_t written = status.counters.value[UP_COUNTER_EVENTS_SUBMITTED];
  const uint64_t read = status.spans + status.malformed;
  return {.entered = static_cast<int64_t>(written),
          .left = static_cast<int64_t>(read),
          .steps = written + read};
}

Account LoopAccount(const LoopTotals& totals) {
  const uint64_t left = totals.malformed + totals.unknown_slots + totals.published;
  return {.entered = static_cast<int64_t>(totals.events),
          .left = static_cast<int64_t>(left),
          .steps = totals.events + left};
}

std::vector<LedgerBalance> Ledger::Judge(const LedgerLook& look) {
  std::map<Key, Judged> judged;
  std::vector<LedgerBalance> balances;
  for (const Probe& before : look.before) {
    const auto after = std::find_if(
        look.after.begin(), look.after.end(),
        [&before](const Probe& probe) { return probe.record.uid == before.record.uid; });
    if (after != look.after.end()) JudgeProbe(look, before, *after, judged, balances);
  }
  const StageLook loop{.before = LoopAccount(look.loop_before),
                       .after = LoopAccount(look.loop_after),
                       .inside = {},
                       .half_way = 1};
  balances.push_back(JudgeStage({"", kDaemonStage}, loop, judged));
  judged_ = std::move(judged);
  drains_ = look.drains_after;
  return balances;
}

void Ledger::JudgeProbe(const LedgerLook& look, const Probe& before, const Probe& after,
                        std::map<Key, Judged>& judged, std::vector<LedgerBalance>& balances) const {
  const std::string& uid = before.record.uid;
  const auto [least, most] = InFlightOf(before, after, look.in_flight);
  const StageLook kernel{
      .before = KernelAccount(before.status.counters),
      .after = KernelAccount(after.status.counters),
      .inside = {.least = static_cast<int64_t>(least), .most = static_cast<int64_t>(most)},
      .half_way = look.programs_most + kForgetters};

  // What was written before the last look is out of the ring buffer, if that was read to its end,
  // or was empty, since.
  StageLook ring{.before = RingAccount(before.status),
                 .after = RingAccount(after.status),
                 .inside = {},
                 .half_way = look.programs_most + 1};
  const auto previous = judged_.find({uid, kRingStage});
  const bool read_since = look.ring_was_empty || look.drains_before >= drains_ + kDrainsBehindALook;
  const bool drained = previous != judged_.end() && read_since;
  ring.inside.most = ring.before.entered - (drained ? previous->second.account.entered : 0);

  const auto judge = [&](const char* stage, const StageLook& of_stage) {
    LedgerBalance balance = JudgeStage({uid, stage}, of_stage, judged);
    balance.probe = before.record.id;
    balances.push_back(std::move(balance));
  };
  judge(kKernelStage, kernel);
  judge(kRingStage, ring);
}

LedgerBalance Ledger::JudgeStage(const Key& key, const StageLook& look,
                                 std::map<Key, Judged>& judged) const {
  const auto found = judged_.find(key);
  // Before the first look there was nothing, which is even.
  const Judged previous = found == judged_.end() ? Judged{} : found->second;
  const bool is_still = found != judged_.end() && previous.account.steps == look.after.steps;
  const uint64_t steps =
      look.after.steps - look.before.steps + (is_still ? uint64_t{0} : look.half_way);
  const int64_t slack = kMostPerStep * static_cast<int64_t>(steps);
  const int64_t difference = look.before.entered - look.before.left;
  const Bounds bounds{.least = difference - look.inside.most - slack,
                      .most = difference - look.inside.least + slack};
  judged[key] = {.account = look.after, .bounds = bounds};

  const int64_t least = std::min(bounds.least, previous.bounds.least);
  const int64_t most = std::max(bounds.most, previous.bounds.most);
  const int64_t shown = std::clamp<int64_t>(0, least, most);
  return {.probe = {},
          .stage = key.second,
          .imbalance = shown,
          .uncertainty = static_cast<uint64_t>(std::max(shown - least, most - shown))};
}

}  // namespace uprobed::control
