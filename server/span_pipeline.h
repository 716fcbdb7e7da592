#ifndef UPROBED_SERVER_SPAN_PIPELINE_H_
#define UPROBED_SERVER_SPAN_PIPELINE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "server/base/clock.h"
#include "server/control/event_directory.h"
#include "server/metrics/event_loop_stats.h"
#include "server/span/span.h"

namespace uprobed {

// The way from a record of the ring buffer to a span: decode, find out whose it is, check,
// assemble, hand over. There is one span, which each record is assembled into, so that none
// allocates anything once its strings have grown. Thread: the event loop's only, but for stats().
class SpanPipeline {
 public:
  // Gets each span, in the order in which requests ended; it is valid during the call. Must not
  // block.
  using OnSpan = std::function<void(const span::Span&)>;

  SpanPipeline(control::EventDirectory& directory, OnSpan on_span)
      : directory_(directory), on_span_(std::move(on_span)) {}

  void OnRecord(std::span<const std::byte> record);
  // After the wall clock may have been set.
  void RefreshClock() { clock_.Refresh(); }
  // Thread-safe.
  metrics::EventLoopStats stats() const;

 private:
  control::EventDirectory& directory_;
  const OnSpan on_span_;
  WallClock clock_;
  span::Span span_;
  std::atomic<uint64_t> events_ = 0;
  std::atomic<uint64_t> decode_errors_ = 0;
  std::atomic<uint64_t> unknown_slots_ = 0;
};

}  // namespace uprobed

#endif  // UPROBED_SERVER_SPAN_PIPELINE_H_
