#include "server/stream/subscription.h"

#include <algorithm>

namespace uprobed::stream {

Subscription::~Subscription() {
  const absl::MutexLock lock(&mutex_);
  counts_->abandoned.fetch_add(queued_, std::memory_order_relaxed);
}

void Subscription::Take(const Bounds& bounds, Batch& batch) {
  batch.slices.clear();
  batch.spans = 0;
  size_t bytes = 0;
  const absl::MutexLock lock(&mutex_);
  while (!queue_.empty() && batch.spans < bounds.spans) {
    SpanSlice& front = queue_.front();
    SpanSlice taken = front;
    taken.count = std::min(front.count, bounds.spans - batch.spans);
    bytes += taken.bytes().size();
    if (bytes > bounds.bytes && batch.spans > 0) break;
    const size_t count = taken.count;
    batch.slices.push_back(std::move(taken));
    batch.spans += count;
    front.first += count;
    front.count -= count;
    if (front.count == 0) queue_.pop_front();
  }
  queued_ -= batch.spans;
  delivered_ += batch.spans;
  counts_->delivered.fetch_add(batch.spans, std::memory_order_relaxed);
  batch.closed = closed_ && queue_.empty();
  batch.counts = CountsNow();
  batch.has_news = batch.spans > 0 || dropped_ != dropped_told_ || (batch.closed && !closed_told_);
  dropped_told_ = dropped_;
  closed_told_ = batch.closed;
  found_nothing_ = !batch.has_news;
}

Subscription::Counts Subscription::CountsNow() const {
  return {.offered = offered_, .delivered = delivered_, .dropped = dropped_, .queued = queued_};
}

Subscription::Counts Subscription::counts() const {
  const absl::MutexLock lock(&mutex_);
  return CountsNow();
}

void Subscription::TellNews() {
  if (!found_nothing_ || !options_.on_news) return;
  found_nothing_ = false;
  options_.on_news();
}

void Subscription::Push(const std::shared_ptr<const SpanBatch>& batch) {
  const absl::MutexLock lock(&mutex_);
  if (closed_) return;
  const size_t accepted = std::min<size_t>(batch->size(), options_.capacity - queued_);
  const size_t refused = batch->size() - accepted;
  if (accepted > 0) queue_.push_back({.batch = batch, .first = 0, .count = accepted});
  queued_ += accepted;
  offered_ += batch->size();
  dropped_ += refused;
  counts_->offered.fetch_add(batch->size(), std::memory_order_relaxed);
  counts_->dropped.fetch_add(refused, std::memory_order_relaxed);
  TellNews();
}

void Subscription::Close() {
  const absl::MutexLock lock(&mutex_);
  closed_ = true;
  TellNews();
}

}  // namespace uprobed::stream
