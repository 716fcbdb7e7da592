#include "server/stream/span_batch.h"

#include <utility>

namespace uprobed::stream {

std::shared_ptr<SpanBatch> BatchPool::Take() {
  std::unique_ptr<SpanBatch> batch = TakeIdle();
  if (batch == nullptr) batch = std::make_unique<SpanBatch>();
  return {batch.release(),
          [this](SpanBatch* returned) { Return(std::unique_ptr<SpanBatch>(returned)); },
          std::pmr::polymorphic_allocator<SpanBatch>(&control_blocks_)};
}

std::unique_ptr<SpanBatch> BatchPool::TakeIdle() {
  const absl::MutexLock lock(&mutex_);
  if (idle_.empty()) return nullptr;
  std::unique_ptr<SpanBatch> batch = std::move(idle_.back());
  idle_.pop_back();
  return batch;
}

void BatchPool::Return(std::unique_ptr<SpanBatch> batch) {
  batch->Clear();
  const absl::MutexLock lock(&mutex_);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(batch));
}

}  // namespace uprobed::stream
