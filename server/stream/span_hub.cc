#include "server/stream/span_hub.h"

#include <algorithm>
#include <iterator>

#include "absl/time/time.h"

namespace uprobed::stream {

Subscription::Batch Subscription::Next(size_t max_spans, std::chrono::milliseconds timeout) {
  const absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(this, &Subscription::HasNews), absl::FromChrono(timeout));

  Batch batch;
  const auto count = static_cast<std::ptrdiff_t>(std::min(max_spans, queue_.size()));
  batch.spans.assign(std::make_move_iterator(queue_.begin()),
                     std::make_move_iterator(queue_.begin() + count));
  queue_.erase(queue_.begin(), queue_.begin() + count);
  batch.dropped_total = dropped_;
  dropped_told_ = dropped_;
  batch.closed = closed_ && queue_.empty();
  return batch;
}

bool Subscription::HasNews() const {
  return !queue_.empty() || dropped_ != dropped_told_ || closed_;
}

uint64_t Subscription::dropped() const {
  const absl::MutexLock lock(&mutex_);
  return dropped_;
}

size_t Subscription::queued() const {
  const absl::MutexLock lock(&mutex_);
  return queue_.size();
}

void Subscription::Push(const SpanPtr& span) {
  if (options_.filter && !options_.filter(*span)) return;
  const absl::MutexLock lock(&mutex_);
  if (closed_) return;
  if (queue_.size() >= options_.capacity) {
    ++dropped_;
    counts_->dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  queue_.push_back(span);
  counts_->delivered.fetch_add(1, std::memory_order_relaxed);
}

void Subscription::Close() {
  const absl::MutexLock lock(&mutex_);
  closed_ = true;
}

std::shared_ptr<Subscription> SpanHub::Subscribe(SubscriptionOptions options) {
  auto subscription = std::make_shared<Subscription>(std::move(options), counts_);
  const absl::MutexLock lock(&mutex_);
  auto next = std::make_shared<Subscriptions>();
  std::copy_if(subscriptions_->begin(), subscriptions_->end(), std::back_inserter(*next),
               [](const auto& each) { return !each.expired(); });
  if (next->size() >= max_subscribers_) return nullptr;
  if (closed_) subscription->Close();
  next->push_back(subscription);
  subscriptions_ = std::move(next);
  return subscription;
}

void SpanHub::Publish(const SpanPtr& span) {
  published_.fetch_add(1, std::memory_order_relaxed);
  const std::shared_ptr<const Subscriptions> all = subscriptions();
  for (const std::weak_ptr<Subscription>& each : *all) {
    if (const std::shared_ptr<Subscription> subscription = each.lock()) subscription->Push(span);
  }
}

void SpanHub::Close() {
  {
    const absl::MutexLock lock(&mutex_);
    closed_ = true;
  }
  // A subscription made from here on is closed by Subscribe().
  for (const std::shared_ptr<Subscription>& subscription : Living()) subscription->Close();
}

std::shared_ptr<const SpanHub::Subscriptions> SpanHub::subscriptions() const {
  const absl::MutexLock lock(&mutex_);
  return subscriptions_;
}

std::vector<std::shared_ptr<Subscription>> SpanHub::Living() const {
  std::vector<std::shared_ptr<Subscription>> living;
  const std::shared_ptr<const Subscriptions> all = subscriptions();
  for (const std::weak_ptr<Subscription>& each : *all) {
    if (std::shared_ptr<Subscription> subscription = each.lock()) {
      living.push_back(std::move(subscription));
    }
  }
  return living;
}

HubStats SpanHub::stats() const {
  return {.published = published_.load(std::memory_order_relaxed),
          .delivered = counts_->delivered.load(std::memory_order_relaxed),
          .dropped = counts_->dropped.load(std::memory_order_relaxed),
          .subscribers = Living().size()};
}

}  // namespace uprobed::stream
