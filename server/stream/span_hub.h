#ifndef UPROBED_SERVER_STREAM_SPAN_HUB_H_
#define UPROBED_SERVER_STREAM_SPAN_HUB_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/span/span.h"
#include "server/stream/span_batch.h"
#include "server/stream/span_mask.h"
#include "server/stream/subscription.h"

namespace uprobed::stream {

struct HubStats {
  uint64_t published = 0;
  // Of all subscribers, present and past: see DeliveryCounts.
  uint64_t offered = 0;
  uint64_t delivered = 0;
  uint64_t dropped = 0;
  uint64_t abandoned = 0;
  // Of those present.
  uint64_t subscribers = 0;
  uint64_t queued = 0;
  // What is missing in, or too much for, offered = delivered + dropped + queued of any of them.
  uint64_t imbalance = 0;
};

// Fans spans out. Each span is encoded once for each distinct mask, whatever the number of its
// subscribers, into one batch for each distinct filter and mask; a batch is shared by all
// subscribers of these. Of compact spans, whose bytes depend on those before, once for each filter
// and mask. Publishing never waits for a subscriber, and allocates nothing in a steady
// stream. Outlives its subscriptions. Thread-safe.
class SpanHub {
 public:
  // Appends to `to` what the mask leaves of the span, as subscribers get it.
  using Encoder =
      std::function<void(const span::Span& span, const SpanMask& mask, std::string& to)>;
  // The same of one filter and mask, with what it knows of the spans before. `begins_batch`: what
  // was appended so far does not come to the subscribers together with this.
  using CompactEncoder =
      std::function<void(const span::Span& span, bool begins_batch, std::string& to)>;
  struct Encoders {
    Encoder whole;
    std::function<CompactEncoder(const SpanMask& mask)> make_compact;
  };

  explicit SpanHub(Encoders encoders, size_t max_subscribers = 64)
      : encoders_(std::move(encoders)), max_subscribers_(max_subscribers) {}

  // The subscription ends when the returned pointer is released.
  // RESOURCE_EXHAUSTED is the caller's to make: returns nullptr once `max_subscribers` are there.
  std::shared_ptr<Subscription> Subscribe(SubscriptionOptions options);
  // The span comes to its subscribers with the next Flush(), or when a batch is full.
  void Publish(const span::Span& span);
  void Flush();
  // Flushes and ends every subscription; later ones are closed at once.
  void Close();
  HubStats stats() const;

 private:
  // The subscribers of one filter, mask and form.
  struct Channel {
    SpanMask mask;
    CompactEncoder compact;  // empty: whole spans
    std::string filter_text;
    std::function<bool(const span::Span&)> filter;
    std::shared_ptr<SpanBatch> open;  // what is not yet flushed; null: nothing
    std::vector<std::weak_ptr<Subscription>> subscriptions;
  };

  static bool IsOf(const Channel& channel, const SubscriptionOptions& options);
  Channel& ChannelOf(const SubscriptionOptions& options) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FlushAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Flush(Channel& channel) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropEmptyChannels() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<std::shared_ptr<Subscription>> Living() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Encoders encoders_;
  const size_t max_subscribers_;
  const std::shared_ptr<DeliveryCounts> counts_ = std::make_shared<DeliveryCounts>();
  BatchPool pool_;
  std::atomic<uint64_t> published_{0};
  mutable absl::Mutex mutex_;
  // Those of one mask stand side by side.
  std::vector<Channel> channels_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace uprobed::stream

#endif  // UPROBED_SERVER_STREAM_SPAN_HUB_H_
