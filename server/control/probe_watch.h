#ifndef UPROBED_SERVER_CONTROL_PROBE_WATCH_H_
#define UPROBED_SERVER_CONTROL_PROBE_WATCH_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/control/probe.h"

namespace uprobed::control {

// A change of a probe, in the order in which it happened.
struct ProbeEvent {
  enum class Type : uint8_t { kAdded, kModified, kDeleted };
  Type type = Type::kAdded;
  // Ascending by 1; the resume token of a watch. 0 for the present state that a watch begins with:
  // who has only a part of it must begin anew.
  uint64_t sequence = 0;
  Probe probe;
};

// A bounded queue of events for one watcher. Thread-safe.
class ProbeWatch {
 public:
  virtual ~ProbeWatch() = default;
  struct Batch {
    std::vector<ProbeEvent> events;
    bool overflowed = false;  // events were lost: the watcher must list again
    bool closed = false;
    uint64_t sequence = 0;  // the resume token behind this batch
  };
  // Waits for events, the close or `timeout`. The first batch of a watch that begins with the
  // present state is that state, whole, and comes at once, also when there is no probe.
  virtual Batch Next(std::chrono::milliseconds timeout) = 0;
};

// Keeps the latest changes and hands each to all watchers. A watcher that is too slow loses events
// and is told so; it delays nobody. Thread-safe.
class ProbeWatchHub {
 public:
  struct Limits {
    size_t log = 1024;    // events that a watch can resume behind
    size_t queue = 1024;  // events waiting for one watcher
  };
  // Sequences begin behind `first_sequence`. Give a clock's reading, so that a token of an earlier
  // run of the daemon is never mistaken for one of this run.
  ProbeWatchHub(uint64_t first_sequence, Limits limits);
  explicit ProbeWatchHub(uint64_t first_sequence) : ProbeWatchHub(first_sequence, Limits{}) {}
  ~ProbeWatchHub();

  void Publish(ProbeEvent::Type type, Probe probe);
  // `present` is what every event published so far led to; used where `resume_after` is 0.
  absl::StatusOr<std::shared_ptr<ProbeWatch>> Watch(uint64_t resume_after,
                                                    std::vector<Probe> present);
  // Ends all watches, and each that is asked for later.
  void Close();

 private:
  class Queue;

  const Limits limits_;
  absl::Mutex mutex_;
  uint64_t last_sequence_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<ProbeEvent> log_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<Queue>> queues_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_PROBE_WATCH_H_
