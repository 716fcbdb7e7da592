#ifndef UPROBED_SERVER_STREAM_SUBSCRIPTION_H_
#define UPROBED_SERVER_STREAM_SUBSCRIPTION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <memory_resource>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/span/span.h"
#include "server/stream/span_batch.h"
#include "server/stream/span_mask.h"

namespace uprobed::stream {

struct SubscriptionOptions {
  size_t capacity = 65536;  // spans queued at most
  // What makes two filters the same: their subscribers share what is encoded. Empty with no filter.
  std::string filter_text{};
  std::function<bool(const span::Span&)> filter{};  // empty: every span
  SpanMask mask{};                                  // shares what is encoded, too
  bool compact = false;                             // the same; whole spans where it is false
  // Called in whatever thread publishes or closes, with locks held, when there is something to take
  // after a Take() that found nothing. May only signal.
  std::function<void()> on_news{};
};

// What all subscriptions of a hub count together, so that the counts outlive each of them.
struct DeliveryCounts {
  std::atomic<uint64_t> offered{0};    // passed a subscriber's filter
  std::atomic<uint64_t> delivered{0};  // taken by the subscriber
  std::atomic<uint64_t> dropped{0};    // its queue was full
  std::atomic<uint64_t> abandoned{0};  // in its queue when it went
};

// One subscriber's bounded queue. A full queue drops the newest spans and counts them.
// Thread-safe: the hub pushes, the subscriber takes.
class Subscription {
 public:
  Subscription(SubscriptionOptions options, std::shared_ptr<DeliveryCounts> counts)
      : options_(std::move(options)), counts_(std::move(counts)) {}
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  // Since the subscription began. In each look offered = delivered + dropped + queued.
  struct Counts {
    uint64_t offered = 0;
    uint64_t delivered = 0;
    uint64_t dropped = 0;
    uint64_t queued = 0;
  };
  struct Batch {
    std::vector<SpanSlice> slices;
    size_t spans = 0;     // in all slices
    Counts counts;        // these spans are delivered
    bool closed = false;  // the hub is closing, and nothing more will come
    // Whether there was anything that the Take() before has not told.
    bool has_news = false;
  };
  // What is taken at once.
  struct Bounds {
    // What is left of a batch where this ends it can be read with what was taken only.
    size_t spans = SIZE_MAX;
    // No batch is parted by this: one is taken even if it alone has more.
    size_t bytes = SIZE_MAX;
  };
  // Replaces what `batch` holds by what is queued, up to the bounds; never waits. Spans that were
  // queued before the hub closed are still given out; `closed` comes with the last of them.
  void Take(const Bounds& bounds, Batch& batch);
  Counts counts() const;

 private:
  friend class SpanHub;
  void Push(const std::shared_ptr<const SpanBatch>& batch);
  void Close();
  void TellNews() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Counts CountsNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SubscriptionOptions options_;
  const std::shared_ptr<DeliveryCounts> counts_;
  mutable absl::Mutex mutex_;
  // Of the queue, whose blocks come and go as spans pass through it.
  std::pmr::unsynchronized_pool_resource memory_ ABSL_GUARDED_BY(mutex_);
  std::pmr::deque<SpanSlice> queue_ ABSL_GUARDED_BY(mutex_){&memory_};
  uint64_t queued_ ABSL_GUARDED_BY(mutex_) = 0;  // spans
  uint64_t offered_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t delivered_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_told_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_told_ ABSL_GUARDED_BY(mutex_) = false;
  bool found_nothing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace uprobed::stream

#endif  // UPROBED_SERVER_STREAM_SUBSCRIPTION_H_
