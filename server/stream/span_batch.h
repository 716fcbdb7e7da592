#ifndef UPROBED_SERVER_STREAM_SPAN_BATCH_H_
#define UPROBED_SERVER_STREAM_SPAN_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace uprobed::stream {

// Spans as they go over the wire, one behind the other, made once and shared by all subscribers
// that get them.
struct SpanBatch {
  std::string bytes;
  std::vector<uint32_t> ends;  // where each span ends in `bytes`

  size_t size() const { return ends.size(); }
  void Clear() {
    bytes.clear();
    ends.clear();
  }
};

// Some spans of a batch that stand side by side.
struct SpanSlice {
  std::shared_ptr<const SpanBatch> batch;
  size_t first = 0;
  size_t count = 0;

  std::string_view bytes() const {
    if (count == 0) return {};
    return std::string_view(batch->bytes).substr(begin(), batch->ends[first + count - 1] - begin());
  }

 private:
  size_t begin() const { return first == 0 ? 0 : batch->ends[first - 1]; }
};

// Hands out empty batches and takes them back when their last owner lets go, so that a steady
// stream allocates none. Outlives its batches. Thread-safe.
class BatchPool {
 public:
  std::shared_ptr<SpanBatch> Take();

 private:
  // More than these are freed: what a stalled subscriber held is not kept for ever.
  static constexpr size_t kMaxIdle = 8;

  std::unique_ptr<SpanBatch> TakeIdle();
  void Return(std::unique_ptr<SpanBatch> batch);

  std::pmr::synchronized_pool_resource control_blocks_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<SpanBatch>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace uprobed::stream

#endif  // UPROBED_SERVER_STREAM_SPAN_BATCH_H_
