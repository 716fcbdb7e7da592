#include "server/event_loop.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <optional>
#include <utility>

#include "server/base/errors.h"
#include "server/span/assembler.h"
#include "server/span/decode.h"
#include "server/span/trace_state.h"

namespace uprobed {
namespace {

// The longest that a record waits while too few are there for the kernel to wake the reader.
constexpr std::chrono::milliseconds kPollTimeout(50);
constexpr uint64_t kMaintenancePeriodNs = 10'000'000'000;

}  // namespace

absl::Status EventLoop::Start() {
  ASSIGN_OR_RETURN(reader_, backend_.OpenEvents([this](auto record) { OnRecord(record); }));
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  return absl::OkStatus();
}

void EventLoop::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

metrics::EventLoopStats EventLoop::stats() const {
  return {.events = events_.load(std::memory_order_relaxed),
          .decode_errors = decode_errors_.load(std::memory_order_relaxed),
          .unknown_slots = unknown_slots_.load(std::memory_order_relaxed)};
}

void EventLoop::Run(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "event-loop");
  while (!stop.stop_requested()) {
    if (const absl::Status status = reader_->Poll(kPollTimeout); !status.ok()) {
      spdlog::error("no more spans: {}", MessageOf(status));
      return;
    }
    const uint64_t now_ns = MonotonicNanosNow();
    if (on_tick_) on_tick_(now_ns);
    Maintain(now_ns);
  }
  if (const absl::Status status = reader_->Drain(); !status.ok()) {
    spdlog::error("the last spans are lost: {}", MessageOf(status));
  }
}

void EventLoop::OnRecord(std::span<const std::byte> record) {
  events_.fetch_add(1, std::memory_order_relaxed);
  absl::StatusOr<up_http_event> event = span::DecodeHttpEvent(record);
  if (!event.ok()) {
    decode_errors_.fetch_add(1, std::memory_order_relaxed);
    directory_.CountMalformed(record);
    return;
  }
  const std::optional<span::EventSource> source =
      directory_.Find(event->slot, event->tgid, event->end_ns);
  if (!source.has_value()) {
    unknown_slots_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  directory_.Check(*event);
  span::Span span = span::Assemble(*event, *source, clock_);
  if (const auto state = span::TraceStateOf(record)) span::AddTraceState(*state, span);
  on_span_(std::make_shared<const span::Span>(std::move(span)));
  directory_.CountSpan(event->slot);
}

void EventLoop::Maintain(uint64_t now_ns) {
  if (now_ns - maintained_ns_ < kMaintenancePeriodNs) return;
  maintained_ns_ = now_ns;
  clock_.Refresh();
  directory_.ForgetFunctions();
  if (const size_t forgotten = backend_.ForgetExitedProcesses(); forgotten > 0) {
    spdlog::debug("forgot requests of processes that exited count={}", forgotten);
  }
  if (const size_t forgotten = backend_.ForgetOldHandoffs(now_ns); forgotten > 0) {
    spdlog::debug("forgot work that was handed over long ago count={}", forgotten);
  }
}

}  // namespace uprobed
