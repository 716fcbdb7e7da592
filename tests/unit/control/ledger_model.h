#ifndef UPROBED_TESTS_UNIT_CONTROL_LEDGER_MODEL_H_
#define UPROBED_TESTS_UNIT_CONTROL_LEDGER_MODEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "bpf/abi/counters.h"
#include "server/control/ledger.h"

namespace uprobed::testing {

// A counter of the daemon, or a map of requests under way, that the ledger reads.
enum class Book {
  kSpans,
  kMalformedOfProbe,
  kEvents,
  kMalformed,
  kUnknownSlots,
  kPublished,
  kRequestsUnderWay,
  kBodiesUnderWay,
};

// What is not counted, or not read, in a history; nothing by default.
struct Omission {
  std::optional<up_counter> counter;
  std::optional<Book> book;
};

// A model of all that happens to requests, one elementary step after the other: programs on several
// CPUs, the event loop, the reconciler, and the reader of the books between them. Which steps there
// are, and in which order, comes from the seed.
class LedgerModel {
 public:
  explicit LedgerModel(uint64_t seed, Omission omission = {});

  // One look while requests flow, and then some time without one, longer than any program takes.
  std::vector<control::LedgerBalance> LookWhileRequestsFlow();
  // Everything that has begun goes on to its end, and nothing begins.
  void Rest();
  // One look while nothing happens.
  std::vector<control::LedgerBalance> LookAtRest();

  // Requests that have begun, told apart by the model and not by counters, less those that are
  // under way, are in the ring buffer, or have gone some way that is counted.
  int64_t Unaccounted() const;
  uint64_t omitted() const { return omitted_; }

 private:
  static constexpr size_t kCpus = 3;
  static constexpr size_t kProbes = 2;
  static constexpr size_t kKeys = 3 * kCpus;  // those of one CPU are in the same class modulo kCpus
  static constexpr size_t kBodies = 3;
  static constexpr size_t kRingRecords = 4;

  // The steps that are left of what an actor does. A step may add others.
  struct Actor {
    std::deque<std::function<void()>> steps;
    uint64_t done = 0;  // how often it came to the end
    size_t probe = 0;
  };
  struct Record {
    bool committed = false;
    bool malformed = false;
    std::optional<size_t> probe;  // of a slot that nobody has where there is none
  };
  struct ProbeModel {
    bool attached = false;
    std::vector<uint32_t> slots;
    up_counters counters{};
    uint64_t spans = 0;
    uint64_t malformed = 0;
    std::array<bool, kKeys> requests{};
    std::array<bool, kBodies> bodies{};
    std::array<int, kBodies> body_users{};  // programs; -1: one that keeps it
    int64_t begun = 0;
  };

  bool Chance(unsigned percent) { return random_() % 100 < percent; }
  size_t Below(size_t bound) { return random_() % bound; }
  void Count(size_t probe, up_counter counter);
  void Add(Book book, uint64_t& to);
  static void Then(Actor& actor, std::function<void()> step) {
    actor.steps.push_back(std::move(step));
  }
  void ThenCount(Actor& actor, up_counter counter);

  void BeginProgram(size_t cpu);
  void BeginStart(Actor& actor, size_t key);
  void BeginEnd(Actor& actor, size_t key);
  void BeginBodyEnd(Actor& actor, size_t body);
  void KeepForBody(Actor& actor, size_t key, size_t body);
  // How a request ends; `forget` removes it from where it is.
  void Conclude(Actor& actor, const std::function<void()>& forget);
  void Write(Actor& actor);
  void BeginLoop();
  void BeginReconciler();
  void ForgetAll(size_t probe);

  void Step();
  void StepOf(Actor& actor, const std::function<void()>& begin);
  void Interleave();
  control::LedgerLook Look();
  control::Probe ReadProbe(size_t probe);
  control::LoopTotals ReadLoop();
  bool RunsProgramOf(size_t probe) const;

  std::mt19937_64 random_;
  const Omission omission_;
  uint64_t omitted_ = 0;
  bool flows_ = true;
  std::array<Actor, kCpus> cpus_;
  Actor loop_;
  Actor reconciler_;
  std::array<ProbeModel, kProbes> probes_;
  std::deque<Record> ring_;
  uint64_t popped_ = 0;  // records, so that a place in the ring has a number
  control::LoopTotals totals_;
  uint64_t drains_ = 0;
  uint32_t next_slot_ = 0;
  control::Ledger ledger_;
};

}  // namespace uprobed::testing

#endif  // UPROBED_TESTS_UNIT_CONTROL_LEDGER_MODEL_H_
