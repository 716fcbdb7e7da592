#include "server/stream/span_hub.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace uprobed::stream {
namespace {

// What is sent at once; a span has some hundred bytes up to some thousand.
constexpr size_t kMaxBatchSpans = 4096;
constexpr size_t kMaxBatchBytes = 512 << 10;

bool IsFull(const SpanBatch& batch) {
  return batch.size() >= kMaxBatchSpans || batch.bytes.size() >= kMaxBatchBytes;
}

}  // namespace

bool SpanHub::IsOf(const Channel& channel, const SubscriptionOptions& options) {
  return channel.mask == options.mask && (channel.compact != nullptr) == options.compact &&
         channel.filter_text == options.filter_text && !channel.filter == !options.filter;
}

SpanHub::Channel& SpanHub::ChannelOf(const SubscriptionOptions& options) {
  auto place = channels_.end();  // behind those of the same mask
  for (auto each = channels_.begin(); each != channels_.end(); ++each) {
    if (IsOf(*each, options)) return *each;
    if (each->mask == options.mask) place = std::next(each);
  }
  return *channels_.insert(
      place,
      Channel{.mask = options.mask,
              .compact = options.compact ? encoders_.make_compact(options.mask) : CompactEncoder(),
              .filter_text = options.filter_text,
              .filter = options.filter,
              .open = nullptr,
              .subscriptions = {}});
}

std::vector<std::shared_ptr<Subscription>> SpanHub::Living() const {
  std::vector<std::shared_ptr<Subscription>> living;
  for (const Channel& channel : channels_) {
    for (const std::weak_ptr<Subscription>& each : channel.subscriptions) {
      if (std::shared_ptr<Subscription> subscription = each.lock()) {
        living.push_back(std::move(subscription));
      }
    }
  }
  return living;
}

std::shared_ptr<Subscription> SpanHub::Subscribe(SubscriptionOptions options) {
  const absl::MutexLock lock(&mutex_);
  if (Living().size() >= max_subscribers_) return nullptr;
  Channel& channel = ChannelOf(options);
  // A subscriber gets what is published from here on.
  Flush(channel);
  auto subscription = std::make_shared<Subscription>(std::move(options), counts_);
  if (closed_) subscription->Close();
  channel.subscriptions.push_back(subscription);
  return subscription;
}

void SpanHub::Publish(const span::Span& span) {
  published_.fetch_add(1, std::memory_order_relaxed);
  // Whoever has come since is not sent what was served before, the less so in part.
  if (span.unstreamed) return;
  const absl::MutexLock lock(&mutex_);
  if (closed_) return;
  const SpanBatch* encoded = nullptr;  // which ends with the span
  size_t encoded_at = 0;
  const SpanMask* encoded_by = nullptr;
  for (Channel& channel : channels_) {
    if (channel.filter && !channel.filter(span)) continue;
    if (channel.open == nullptr) channel.open = pool_.Take();
    SpanBatch& batch = *channel.open;
    const size_t begin = batch.bytes.size();
    if (channel.compact) {
      channel.compact(span, batch.size() == 0, batch.bytes);
    } else if (encoded == nullptr || *encoded_by != channel.mask) {
      encoders_.whole(span, channel.mask, batch.bytes);
      encoded = &batch;
      encoded_at = begin;
      encoded_by = &channel.mask;
    } else {
      batch.bytes += std::string_view(encoded->bytes).substr(encoded_at);
    }
    batch.ends.push_back(static_cast<uint32_t>(batch.bytes.size()));
  }
  // Not before the span has been copied from one to the others.
  for (Channel& channel : channels_) {
    if (channel.open != nullptr && IsFull(*channel.open)) Flush(channel);
  }
}

void SpanHub::Flush() {
  const absl::MutexLock lock(&mutex_);
  FlushAll();
}

void SpanHub::FlushAll() {
  for (Channel& channel : channels_) Flush(channel);
  DropEmptyChannels();
}

void SpanHub::Flush(Channel& channel) {
  if (channel.open == nullptr) return;
  const std::shared_ptr<const SpanBatch> batch = std::exchange(channel.open, nullptr);
  for (const std::weak_ptr<Subscription>& each : channel.subscriptions) {
    if (const std::shared_ptr<Subscription> subscription = each.lock()) subscription->Push(batch);
  }
}

void SpanHub::DropEmptyChannels() {
  for (Channel& channel : channels_) {
    std::erase_if(channel.subscriptions, [](const auto& each) { return each.expired(); });
  }
  std::erase_if(channels_, [](const Channel& each) { return each.subscriptions.empty(); });
}

void SpanHub::Close() {
  const absl::MutexLock lock(&mutex_);
  FlushAll();
  closed_ = true;
  for (const std::shared_ptr<Subscription>& subscription : Living()) subscription->Close();
}

HubStats SpanHub::stats() const {
  HubStats stats{.published = published_.load(std::memory_order_relaxed),
                 .offered = counts_->offered.load(std::memory_order_relaxed),
                 .delivered = counts_->delivered.load(std::memory_order_relaxed),
                 .dropped = counts_->dropped.load(std::memory_order_relaxed),
                 .abandoned = counts_->abandoned.load(std::memory_order_relaxed)};
  const absl::MutexLock lock(&mutex_);
  for (const std::shared_ptr<Subscription>& subscription : Living()) {
    const Subscription::Counts counts = subscription->counts();
    const uint64_t accounted = counts.delivered + counts.dropped + counts.queued;
    ++stats.subscribers;
    stats.queued += counts.queued;
    stats.imbalance += std::max(counts.offered, accounted) - std::min(counts.offered, accounted);
  }
  return stats;
}

}  // namespace uprobed::stream
