#include "server/control/probe_watch.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "absl/time/time.h"
#include "server/base/errors.h"

namespace uprobed::control {

class ProbeWatchHub::Queue : public ProbeWatch {
 public:
  Queue(size_t capacity, uint64_t sequence, bool begins_with_state, std::vector<ProbeEvent> first)
      : capacity_(capacity),
        sequence_(sequence),
        ready_(begins_with_state || !first.empty()),
        events_(std::make_move_iterator(first.begin()), std::make_move_iterator(first.end())) {}

  Batch Next(std::chrono::milliseconds timeout) override {
    const absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&ready_), absl::FromChrono(timeout));
    Batch batch{.events = {std::make_move_iterator(events_.begin()),
                           std::make_move_iterator(events_.end())},
                .overflowed = std::exchange(overflowed_, false),
                .closed = closed_,
                .sequence = sequence_};
    events_.clear();
    pushed_ = 0;
    ready_ = closed_;
    return batch;
  }

  void Push(const ProbeEvent& event) {
    const absl::MutexLock lock(&mutex_);
    // What is lost once cannot be followed any more, so what follows is of no use either.
    if (overflowed_ || closed_) return;
    ready_ = true;
    if (pushed_ == capacity_) {
      overflowed_ = true;
      events_.clear();
      return;
    }
    ++pushed_;
    sequence_ = event.sequence;
    events_.push_back(event);
  }

  void Close() {
    const absl::MutexLock lock(&mutex_);
    closed_ = true;
    ready_ = true;
  }

 private:
  const size_t capacity_;
  absl::Mutex mutex_;
  uint64_t sequence_ ABSL_GUARDED_BY(mutex_);
  bool ready_ ABSL_GUARDED_BY(mutex_);  // Next has something to say
  std::deque<ProbeEvent> events_ ABSL_GUARDED_BY(mutex_);
  size_t pushed_ ABSL_GUARDED_BY(mutex_) = 0;  // of events_, without those it began with
  bool overflowed_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

ProbeWatchHub::ProbeWatchHub(uint64_t first_sequence, Limits limits)
    : limits_(limits), last_sequence_(first_sequence) {}

ProbeWatchHub::~ProbeWatchHub() { Close(); }

void ProbeWatchHub::Publish(ProbeEvent::Type type, Probe probe) {
  const absl::MutexLock lock(&mutex_);
  if (closed_) return;
  log_.push_back({.type = type, .sequence = ++last_sequence_, .probe = std::move(probe)});
  if (log_.size() > limits_.log) log_.pop_front();
  std::erase_if(queues_,
                [this](const std::weak_ptr<Queue>& watcher) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
                  const std::shared_ptr<Queue> queue = watcher.lock();
                  if (queue != nullptr) queue->Push(log_.back());
                  return queue == nullptr;
                });
}

absl::StatusOr<std::shared_ptr<ProbeWatch>> ProbeWatchHub::Watch(uint64_t resume_after,
                                                                 std::vector<Probe> present) {
  const absl::MutexLock lock(&mutex_);
  if (closed_) {
    return MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                     "the daemon is stopping: watch again when it is back");
  }
  std::vector<ProbeEvent> first;
  if (resume_after == 0) {
    for (Probe& probe : present) {
      first.push_back({.type = ProbeEvent::Type::kAdded, .probe = std::move(probe)});
    }
  } else {
    const uint64_t oldest_resumable = last_sequence_ - log_.size();
    if (resume_after < oldest_resumable || resume_after > last_sequence_) {
      return MakeError(absl::StatusCode::kOutOfRange, "RESUME_TOKEN_EXPIRED",
                       "the events behind this resume token are no longer known: watch again "
                       "without one, which begins with the present state");
    }
    for (const ProbeEvent& event : log_) {
      if (event.sequence > resume_after) first.push_back(event);
    }
  }
  auto queue =
      std::make_shared<Queue>(limits_.queue, last_sequence_, resume_after == 0, std::move(first));
  queues_.push_back(queue);
  return queue;
}

void ProbeWatchHub::Close() {
  const absl::MutexLock lock(&mutex_);
  closed_ = true;
  for (const std::weak_ptr<Queue>& watcher : queues_) {
    if (const std::shared_ptr<Queue> queue = watcher.lock(); queue != nullptr) queue->Close();
  }
  queues_.clear();
}

}  // namespace uprobed::control
