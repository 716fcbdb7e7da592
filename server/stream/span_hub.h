#ifndef UPROBED_SERVER_STREAM_SPAN_HUB_H_
#define UPROBED_SERVER_STREAM_SPAN_HUB_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/span/span.h"

namespace uprobed::stream {

using SpanPtr = std::shared_ptr<const span::Span>;

struct SubscriptionOptions {
  size_t capacity = 65536;                          // spans queued at most
  std::function<bool(const span::Span&)> filter{};  // empty: every span
};

// What all subscriptions of a hub count together, so that the counts outlive each of them.
struct DeliveryCounts {
  std::atomic<uint64_t> delivered{0};
  std::atomic<uint64_t> dropped{0};
};

// One subscriber's bounded queue. A full queue drops the newest span and counts it.
// Thread-safe: the hub pushes, the subscriber pops.
class Subscription {
 public:
  explicit Subscription(SubscriptionOptions options,
                        std::shared_ptr<DeliveryCounts> counts = std::make_shared<DeliveryCounts>())
      : options_(std::move(options)), counts_(std::move(counts)) {}

  struct Batch {
    std::vector<SpanPtr> spans;
    uint64_t dropped_total = 0;  // spans this subscriber lost since it began
    bool closed = false;         // the hub is closing: no more will come
  };
  // Waits until there is at least one span, a loss not yet told, the end, or `timeout`. Spans that
  // were queued before the end are still given out; `closed` comes with the last of them.
  Batch Next(size_t max_spans, std::chrono::milliseconds timeout);
  uint64_t dropped() const;
  size_t queued() const;

 private:
  friend class SpanHub;
  void Push(const SpanPtr& span);
  void Close();
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SubscriptionOptions options_;
  const std::shared_ptr<DeliveryCounts> counts_;
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
  void Publish(const SpanPtr& span);
  // Wakes and ends every subscription; later ones are closed at once.
  void Close();
  HubStats stats() const;

 private:
  // Replaced, never changed, so that Publish() walks it without the lock.
  using Subscriptions = std::vector<std::weak_ptr<Subscription>>;

  std::shared_ptr<const Subscriptions> subscriptions() const;
  // The subscriptions that somebody still holds.
  std::vector<std::shared_ptr<Subscription>> Living() const;

  const size_t max_subscribers_;
  const std::shared_ptr<DeliveryCounts> counts_ = std::make_shared<DeliveryCounts>();
  std::atomic<uint64_t> published_{0};
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Subscriptions> subscriptions_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<const Subscriptions>();
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace uprobed::stream

#endif  // UPROBED_SERVER_STREAM_SPAN_HUB_H_
