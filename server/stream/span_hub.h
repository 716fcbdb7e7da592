#ifndef UPROBED_SERVER_STREAM_SPAN_HUB_H_
#define UPROBED_SERVER_STREAM_SPAN_HUB_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/span/span.h"

namespace uprobed::stream {

using SpanPtr = std::shared_ptr<const span::Span>;

struct SubscriptionOptions {
  size_t capacity = 65536;                                // spans queued at most
  std::function<bool(const span::Span&)> filter;          // empty: every span
};

// One subscriber's bounded queue. A full queue drops the newest span and counts it.
// Thread-safe: the hub pushes, the subscriber pops.
class Subscription {
 public:
  explicit Subscription(SubscriptionOptions options) : options_(std::move(options)) {}

  struct Batch {
    std::vector<SpanPtr> spans;
    uint64_t dropped_total = 0;  // spans this subscriber lost since it began
    bool closed = false;         // the hub is closing: no more will come
  };
  // Waits until there is at least one span, a loss not yet told, or `timeout`.
  Batch Next(size_t max_spans, std::chrono::milliseconds timeout);
  uint64_t dropped() const;
  size_t queued() const;

 private:
  friend class SpanHub;
  void Push(const SpanPtr& span);
  void Close();

  const SubscriptionOptions options_;
  mutable absl::Mutex mutex_;
  std::deque<SpanPtr> queue_ ABSL_GUARDED_BY(mutex_);
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_told_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

struct HubStats {
  uint64_t published = 0;
  uint64_t delivered = 0;  // pushed into some queue
  uint64_t dropped = 0;    // by full queues, of subscribers present and past
  uint64_t subscribers = 0;
};

// Fans spans out. Publishing never waits for a subscriber.
// Thread-safe.
class SpanHub {
 public:
  // The subscription ends when the returned pointer is released.
  // RESOURCE_EXHAUSTED is the caller's to make: returns nullptr once `max_subscribers` are there.
  explicit SpanHub(size_t max_subscribers = 64) : max_subscribers_(max_subscribers) {}
  std::shared_ptr<Subscription> Subscribe(SubscriptionOptions options);
  void Publish(SpanPtr span);
  // Wakes and ends every subscription; later ones are closed at once.
  void Close();
  HubStats stats() const;

 private:
  const size_t max_subscribers_;
  mutable absl::Mutex mutex_;
  std::vector<std::weak_ptr<Subscription>> subscriptions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace uprobed::stream

#endif  // UPROBED_SERVER_STREAM_SPAN_HUB_H_
