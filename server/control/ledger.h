#ifndef UPROBED_SERVER_CONTROL_LEDGER_H_
#define UPROBED_SERVER_CONTROL_LEDGER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bpf/abi/counters.h"
#include "server/control/probe.h"

namespace uprobed::control {

// The account of all requests: hits = spans + losses, by stages.
//
//   kernel   starts + refusals + second ends of one body =
//              repeated starts + records written + suppressed + lost, by cause + under way
//   ring     records written = spans + records refused + waiting in the ring buffer
//   daemon   records read = published + records refused + records of slots that nobody has
//
// The first two are of one probe, the last of all. Requests flow while the books are read, counter
// by counter, so a look gives bounds: what is read first, once more after what is under way has
// been counted, says how many steps were taken meanwhile, and each changes an account by no more
// than kMostPerStep. So many programs as there are CPUs may have been half way as the look began
// (more where they can be preempted, on kernels 6.0 to 6.9); they no longer are where no step was
// taken since the look before, and then the bounds meet. The ring buffer has at most what was
// written since the look before, if it was read to its end or found empty in between. What is shown
// is the imbalance that persists: the least by amount that the bounds of this look or of the one
// before allow. So requests that flow never show one, and one that is there shows at rest exactly,
// after three looks; without rest as soon as it is larger than the bounds are wide. Looks must be
// further apart than any program takes. tests/unit/control/ledger_model.h proves it.

// What entered and what left since both began; `steps` grows with each change of either and of
// what is under way.
struct Account {
  int64_t entered = 0;
  int64_t left = 0;
  uint64_t steps = 0;
};
inline constexpr int64_t kMostPerStep = 2;

Account KernelAccount(const up_counters& counters);
Account RingAccount(const ProbeStatus& status);

// What the event loop did since the daemon started.
struct LoopTotals {
  uint64_t events = 0;  // records read
  uint64_t malformed = 0;
  uint64_t unknown_slots = 0;
  uint64_t published = 0;
};
Account LoopAccount(const LoopTotals& totals);

// Two readings, and what was under way between them.
struct LedgerLook {
  // How often the ring buffer was read to its end, each time with what the probes have of it:
  // `drains_before` is read before `before`, `drains_after` behind `after`.
  uint64_t drains_before = 0;
  uint64_t drains_after = 0;
  // Whether the ring buffer held nothing that had not been counted, before `before` was read: at
  // rest nobody reads it to its end any more.
  bool ring_was_empty = false;
  std::vector<Probe> before;
  std::vector<Probe> after;
  LoopTotals loop_before;
  LoopTotals loop_after;
  std::vector<uint64_t> in_flight;  // by slot
  uint64_t programs_most = 0;       // that can be half way at one moment
};

struct LedgerBalance {
  std::string probe;  // id; empty: of all
  std::string stage;
  int64_t imbalance = 0;     // more entered than is accounted for; below 0: less
  uint64_t uncertainty = 0;  // how far from `imbalance` the true one may be
};

// What the looks say together. Thread: one at a time.
class Ledger {
 public:
  std::vector<LedgerBalance> Judge(const LedgerLook& look);

 private:
  struct Bounds {
    int64_t least = 0;
    int64_t most = 0;
  };
  struct Judged {
    Account account;  // as the look ended
    Bounds bounds;
  };
  struct StageLook {
    Account before;
    Account after;
    Bounds inside;
    uint64_t half_way = 0;
  };
  using Key = std::pair<std::string, std::string>;  // uid of the probe, stage

  LedgerBalance JudgeStage(const Key& key, const StageLook& look,
                           std::map<Key, Judged>& judged) const;
  void JudgeProbe(const LedgerLook& look, const Probe& before, const Probe& after,
                  std::map<Key, Judged>& judged, std::vector<LedgerBalance>& balances) const;

  std::map<Key, Judged> judged_;  // by the last look
  uint64_t drains_ = 0;           // as it ended
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_LEDGER_H_
