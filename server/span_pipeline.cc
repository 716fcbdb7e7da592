#include "server/span_pipeline.h"

#include <memory>

#include "server/span/assembler.h"
#include "server/span/decode.h"
#include "server/span/trace_state.h"

namespace uprobed {
namespace {

// By the only thread that counts: cheaper than an atomic addition.
void Increment(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

void SpanPipeline::OnRecord(std::span<const std::byte> record) {
  Increment(events_);
  absl::StatusOr<up_http_event> event = span::DecodeHttpEvent(record);
  if (!event.ok()) {
    Increment(decode_errors_);
    directory_.CountMalformed(record);
    return;
  }
  const std::shared_ptr<const span::EventSource> source =
      directory_.Find(event->slot, event->tgid, event->end_ns);
  if (source == nullptr) {
    Increment(unknown_slots_);
    return;
  }
  directory_.Check(*event);
  span::Assemble(*event, *source, clock_, span_);
  if (const auto state = span::TraceStateOf(record)) span::AddTraceState(*state, span_);
  on_span_(span_);
  directory_.CountSpan(event->slot);
}

metrics::EventLoopStats SpanPipeline::stats() const {
  return {.events = events_.load(std::memory_order_relaxed),
          .decode_errors = decode_errors_.load(std::memory_order_relaxed),
          .unknown_slots = unknown_slots_.load(std::memory_order_relaxed)};
}

}  // namespace uprobed
