#include "tests/unit/control/ledger_model.h"

#include <algorithm>

namespace uprobed::testing {
namespace {

constexpr up_counter kStarts[] = {UP_COUNTER_HITS_SERVER_START, UP_COUNTER_HITS_HTTP2_SERVER_START,
                                  UP_COUNTER_HITS_CLIENT_START, UP_COUNTER_HITS_GRPC_SERVER_START,
                                  UP_COUNTER_HITS_GRPC_CLIENT_START};
constexpr up_counter kEnds[] = {
    UP_COUNTER_HITS_SERVER_END,       UP_COUNTER_HITS_SERVER_RECOVER,
    UP_COUNTER_HITS_HTTP2_SERVER_END, UP_COUNTER_HITS_HTTP2_SERVER_UNFINISHED,
    UP_COUNTER_HITS_CLIENT_END,       UP_COUNTER_HITS_GRPC_SERVER_END,
    UP_COUNTER_HITS_GRPC_CLIENT_END};
constexpr up_counter kSuppressions[] = {
    UP_COUNTER_SUPPRESSED_FILTERED, UP_COUNTER_SUPPRESSED_SAMPLED,
    UP_COUNTER_SUPPRESSED_RATE_LIMITED, UP_COUNTER_SUPPRESSED_BUDGET,
    UP_COUNTER_SUPPRESSED_UNSTREAMED};

}  // namespace

LedgerModel::LedgerModel(uint64_t seed, Omission omission) : random_(seed), omission_(omission) {}

void LedgerModel::Count(size_t probe, up_counter counter) {
  if (omission_.counter == counter) {
    ++omitted_;
  } else {
    ++probes_[probe].counters.value[counter];
  }
}

void LedgerModel::Add(Book book, uint64_t& to) {
  if (omission_.book == book) {
    ++omitted_;
  } else {
    ++to;
  }
}

void LedgerModel::ThenCount(Actor& actor, up_counter counter) {
  Then(actor, [this, probe = actor.probe, counter] { Count(probe, counter); });
}

void LedgerModel::BeginProgram(size_t cpu) {
  Actor& actor = cpus_[cpu];
  actor.probe = Below(kProbes);
  ProbeModel& probe = probes_[actor.probe];
  if (!probe.attached) return;
  const size_t key = cpu + kCpus * Below(kKeys / kCpus);
  const size_t body = Below(2);  // few, so that two programs meet at one
  const size_t kind = Below(16);
  if (kind < 5) {
    BeginStart(actor, key);
  } else if (kind < 9) {
    BeginEnd(actor, key);
  } else if (kind == 9) {
    ThenCount(actor, UP_COUNTER_HITS_SERVER_REFUSED);
    ++probe.begun;
    Conclude(actor, [] {});
  } else if (kind == 10) {
    ThenCount(actor, UP_COUNTER_HITS_HTTP2_SERVER_END);
    ThenCount(actor, UP_COUNTER_HTTP2_REFUSED);
    ++probe.begun;
    Conclude(actor, [] {});
  } else if (probe.body_users[body] >= 0) {
    BeginBodyEnd(actor, body);
  }
}

void LedgerModel::BeginStart(Actor& actor, size_t key) {
  ThenCount(actor, kStarts[Below(std::size(kStarts))]);
  Then(actor, [this, &actor, key] {
    ProbeModel& probe = probes_[actor.probe];
    if (Chance(5)) return ThenCount(actor, UP_COUNTER_REPEATED_START);
    ++probe.begun;
    if (Chance(5)) return ThenCount(actor, UP_COUNTER_LOST_READ_FAULT);
    if (probe.requests[key]) {
      const bool repeated = Chance(50);
      if (repeated) --probe.begun;
      ThenCount(actor, repeated ? UP_COUNTER_REPEATED_START : UP_COUNTER_LOST_ABANDONED);
      Then(actor, [&probe, key] { probe.requests[key] = false; });
    }
    if (Chance(5)) return ThenCount(actor, UP_COUNTER_LOST_MAP_FULL);
    Then(actor, [&probe, key] { probe.requests[key] = true; });
  });
}

void LedgerModel::BeginEnd(Actor& actor, size_t key) {
  ThenCount(actor, kEnds[Below(std::size(kEnds))]);
  Then(actor, [this, &actor, key] {
    ProbeModel& probe = probes_[actor.probe];
    const auto forget = [&probe, key] { probe.requests[key] = false; };
    const size_t body = Below(kBodies);
    if (!probe.requests[key]) {
      ThenCount(actor, Chance(50) ? UP_COUNTER_LOST_NO_START : UP_COUNTER_REPEATED_END);
    } else if (Chance(5)) {
      ThenCount(actor, UP_COUNTER_LOST_READ_FAULT);
      Then(actor, forget);
    } else if (Chance(5)) {
      ThenCount(actor, UP_COUNTER_LOST_ABANDONED);
      ThenCount(actor, UP_COUNTER_LOST_NO_START);
      Then(actor, forget);
    } else if (Chance(5)) {
      ThenCount(actor, UP_COUNTER_OUT_OF_SCOPE);
      ThenCount(actor, UP_COUNTER_HTTP2_PREFACE);
      Then(actor, forget);
    } else if (Chance(25) && probe.body_users[body] == 0) {
      KeepForBody(actor, key, body);
    } else {
      Conclude(actor, forget);
    }
  });
}

// What a body of that name belonged to is collected, so that nobody else ends it.
void LedgerModel::KeepForBody(Actor& actor, size_t key, size_t body) {
  ProbeModel& probe = probes_[actor.probe];
  probe.body_users[body] = -1;
  if (probe.bodies[body]) Conclude(actor, [] {});
  Then(actor, [&probe, body] { probe.bodies[body] = true; });
  Then(actor, [&probe, key] { probe.requests[key] = false; });
  Then(actor, [&probe, body] { probe.body_users[body] = 0; });
}

// Two goroutines may be here at once.
void LedgerModel::BeginBodyEnd(Actor& actor, size_t body) {
  ProbeModel& probe = probes_[actor.probe];
  ++probe.body_users[body];
  ThenCount(actor, UP_COUNTER_HITS_CLIENT_BODY);
  Then(actor, [this, &actor, &probe, body] {
    if (probe.bodies[body]) {
      Conclude(actor, [] {});
      Then(actor, [this, &actor, &probe, body] {
        if (!std::exchange(probe.bodies[body], false)) {
          ++probe.begun;
          ThenCount(actor, UP_COUNTER_REPEATED_BODY_END);
        }
      });
    }
    Then(actor, [&probe, body] { --probe.body_users[body]; });
  });
}

void LedgerModel::Conclude(Actor& actor, const std::function<void()>& forget) {
  if (Chance(5)) {
    ThenCount(actor, UP_COUNTER_LOST_PREEMPTED);
    Then(actor, forget);
  } else if (Chance(20)) {
    Then(actor, forget);
    ThenCount(actor, kSuppressions[Below(std::size(kSuppressions))]);
  } else if (Chance(30)) {
    Then(actor, forget);
    Then(actor, [this, &actor] { Write(actor); });
  } else if (ring_.size() == kRingRecords) {
    Then(actor, forget);
    ThenCount(actor, UP_COUNTER_LOST_RING_FULL);
  } else {
    const uint64_t place = popped_ + ring_.size();
    ring_.push_back({.committed = false, .malformed = Chance(10), .probe = actor.probe});
    Then(actor, forget);
    ThenCount(actor, UP_COUNTER_EVENTS_SUBMITTED);
    Then(actor, [this, place] { ring_[place - popped_].committed = true; });
  }
}

// A record that is copied into the ring buffer: counted behind that.
void LedgerModel::Write(Actor& actor) {
  const bool full = ring_.size() == kRingRecords;
  if (!full) ring_.push_back({.committed = true, .malformed = Chance(10), .probe = actor.probe});
  // Before what the program does after its request is concluded.
  actor.steps.push_front([this, probe = actor.probe, full] {
    Count(probe, full ? UP_COUNTER_LOST_RING_FULL : UP_COUNTER_EVENTS_SUBMITTED);
  });
}

void LedgerModel::BeginLoop() {
  if (Chance(3)) {
    const size_t of = Below(kProbes);
    ProbeModel& probe = probes_[of];
    if (RunsProgramOf(of)) return;
    for (size_t key = 0; key < kKeys; key += 2) {
      if (!probe.requests[key]) continue;
      Then(loop_, [this, of, key, &probe] {
        // The program of a process that is gone is gone, too; the model's comes back.
        if (!probe.requests[key] || RunsProgramOf(of)) return;
        probe.requests[key] = false;
        loop_.steps.push_front([this, of] { Count(of, UP_COUNTER_LOST_PROCESS_EXITED); });
      });
    }
    return;
  }
  if (ring_.empty() || !ring_.front().committed) {
    ++drains_;
    return;
  }
  const Record record = ring_.front();
  Then(loop_, [this] { Add(Book::kEvents, totals_.events); });
  if (!record.probe.has_value()) {
    Then(loop_, [this] { Add(Book::kUnknownSlots, totals_.unknown_slots); });
  } else if (record.malformed) {
    Then(loop_, [this] { Add(Book::kMalformed, totals_.malformed); });
    Then(loop_, [this, &record_of = probes_[*record.probe]] {
      Add(Book::kMalformedOfProbe, record_of.malformed);
    });
  } else {
    Then(loop_, [this] { Add(Book::kPublished, totals_.published); });
    Then(loop_,
         [this, &record_of = probes_[*record.probe]] { Add(Book::kSpans, record_of.spans); });
  }
  Then(loop_, [this] {
    ring_.pop_front();
    ++popped_;
  });
}

void LedgerModel::BeginReconciler() {
  const size_t of = Below(kProbes);
  ProbeModel& probe = probes_[of];
  if (!probe.attached) {
    probe.slots = {next_slot_++};
    Then(reconciler_, [&probe] { probe.attached = true; });
  } else if (Chance(2) && !RunsProgramOf(of)) {
    probe.attached = false;  // the kernel waits for the programs before the sites are gone
    ForgetAll(of);
    Then(reconciler_, [&probe] { probe.slots.clear(); });
  }
}

void LedgerModel::ForgetAll(size_t of) {
  ProbeModel& probe = probes_[of];
  const auto forget = [this, of](bool& entry) {
    Then(reconciler_, [this, of, &entry] {
      if (!std::exchange(entry, false)) return;
      reconciler_.steps.push_front([this, of] { Count(of, UP_COUNTER_LOST_DETACHED); });
    });
  };
  for (bool& request : probe.requests) forget(request);
  for (bool& body : probe.bodies) forget(body);
}

bool LedgerModel::RunsProgramOf(size_t probe) const {
  return std::any_of(cpus_.begin(), cpus_.end(), [probe](const Actor& actor) {
    return !actor.steps.empty() && actor.probe == probe;
  });
}

void LedgerModel::StepOf(Actor& actor, const std::function<void()>& begin) {
  if (actor.steps.empty()) {
    if (flows_ || &actor == &loop_) begin();
    if (actor.steps.empty()) ++actor.done;
    return;
  }
  const auto step = std::move(actor.steps.front());
  actor.steps.pop_front();
  // What a step adds for its program's end comes behind what is there already.
  step();
  if (actor.steps.empty()) ++actor.done;
}

void LedgerModel::Step() {
  const size_t actor = Below(kCpus + 3);
  if (actor < kCpus) {
    StepOf(cpus_[actor], [this, actor] { BeginProgram(actor); });
  } else if (actor == kCpus) {
    StepOf(reconciler_, [this] { BeginReconciler(); });
  } else {
    StepOf(loop_, [this] { BeginLoop(); });
  }
  if (flows_ && Chance(1) && ring_.size() < kRingRecords) {
    ring_.push_back({.committed = true, .malformed = false, .probe = std::nullopt});
  }
}

}  // namespace uprobed::testing
