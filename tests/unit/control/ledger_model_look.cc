#include <algorithm>
#include <functional>

#include "tests/unit/control/ledger_model.h"

namespace uprobed::testing {
namespace {

// All ways on which a request that has begun once is told, but for its span.
constexpr up_counter kOtherWays[] = {UP_COUNTER_SUPPRESSED_FILTERED,
                                     UP_COUNTER_SUPPRESSED_SAMPLED,
                                     UP_COUNTER_SUPPRESSED_RATE_LIMITED,
                                     UP_COUNTER_SUPPRESSED_BUDGET,
                                     UP_COUNTER_SUPPRESSED_UNSTREAMED,
                                     UP_COUNTER_LOST_RING_FULL,
                                     UP_COUNTER_LOST_MAP_FULL,
                                     UP_COUNTER_LOST_ABANDONED,
                                     UP_COUNTER_LOST_READ_FAULT,
                                     UP_COUNTER_LOST_PREEMPTED,
                                     UP_COUNTER_HTTP2_PREFACE,
                                     UP_COUNTER_LOST_PROCESS_EXITED,
                                     UP_COUNTER_LOST_DETACHED};

}  // namespace

void LedgerModel::Interleave() {
  while (flows_ && Chance(50)) Step();
}

control::Probe LedgerModel::ReadProbe(size_t of) {
  const ProbeModel& probe = probes_[of];
  control::Probe read;
  read.record.id = "probe-" + std::to_string(of);
  read.record.uid = read.record.id;
  for (size_t i = 0; i < UP_COUNTER_COUNT; ++i) {
    read.status.counters.value[i] = probe.counters.value[i];
    if (Chance(10)) Interleave();
  }
  read.status.slots = probe.slots;
  Interleave();
  read.status.spans = probe.spans;
  read.status.malformed = probe.malformed;
  Interleave();
  return read;
}

control::LoopTotals LedgerModel::ReadLoop() {
  control::LoopTotals read;
  for (uint64_t control::LoopTotals::*total :
       {&control::LoopTotals::events, &control::LoopTotals::malformed,
        &control::LoopTotals::unknown_slots, &control::LoopTotals::published}) {
    read.*total = totals_.*total;
    Interleave();
  }
  return read;
}

control::LedgerLook LedgerModel::Look() {
  control::LedgerLook look;
  look.programs_most = kCpus;
  look.drains_before = drains_;
  look.ring_was_empty = ring_.empty() && loop_.steps.empty();
  look.loop_before = ReadLoop();
  for (size_t of = 0; of < kProbes; ++of) look.before.push_back(ReadProbe(of));
  look.in_flight.resize(next_slot_ + 1000);
  const auto count = [&](ProbeModel& probe, bool entry, Book book) {
    if (entry && !probe.slots.empty()) Add(book, look.in_flight[probe.slots.front()]);
    Interleave();
  };
  for (ProbeModel& probe : probes_) {
    for (const bool& request : probe.requests) count(probe, request, Book::kRequestsUnderWay);
  }
  for (ProbeModel& probe : probes_) {
    for (const bool& body : probe.bodies) count(probe, body, Book::kBodiesUnderWay);
  }
  for (size_t of = 0; of < kProbes; ++of) look.after.push_back(ReadProbe(of));
  look.loop_after = ReadLoop();
  look.drains_after = drains_;
  return look;
}

std::vector<control::LedgerBalance> LedgerModel::LookWhileRequestsFlow() {
  std::vector<control::LedgerBalance> balances = ledger_.Judge(Look());
  const auto dones = [this] {
    std::vector<uint64_t> done;
    for (const Actor& cpu : cpus_) done.push_back(cpu.done);
    done.push_back(loop_.done);
    done.push_back(reconciler_.done);
    return done;
  };
  const std::vector<uint64_t> before = dones();
  const auto is_over = [&] {
    const std::vector<uint64_t> now = dones();
    return std::equal(now.begin(), now.end(), before.begin(), std::greater<>());
  };
  while (!is_over() || Chance(95)) Step();
  return balances;
}

void LedgerModel::Rest() {
  flows_ = false;
  const auto is_busy = [this] {
    return !ring_.empty() || !loop_.steps.empty() || !reconciler_.steps.empty() ||
           std::any_of(cpus_.begin(), cpus_.end(),
                       [](const Actor& cpu) { return !cpu.steps.empty(); });
  };
  while (is_busy()) Step();
}

std::vector<control::LedgerBalance> LedgerModel::LookAtRest() {
  if (omission_.book == Book::kRequestsUnderWay || omission_.book == Book::kBodiesUnderWay) {
    omitted_ = 0;  // what counts is what this look leaves out
  }
  return ledger_.Judge(Look());
}

int64_t LedgerModel::Unaccounted() const {
  int64_t unaccounted = 0;
  for (const ProbeModel& probe : probes_) {
    unaccounted += probe.begun - static_cast<int64_t>(probe.spans + probe.malformed);
    for (const up_counter way : kOtherWays) {
      unaccounted -= static_cast<int64_t>(probe.counters.value[way]);
    }
    unaccounted -= std::count(probe.requests.begin(), probe.requests.end(), true);
    unaccounted -= std::count(probe.bodies.begin(), probe.bodies.end(), true);
  }
  return unaccounted;
}

}  // namespace uprobed::testing
