#ifndef UPROBED_SERVER_EVENT_LOOP_H_
#define UPROBED_SERVER_EVENT_LOOP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <thread>

#include "absl/status/status.h"
#include "server/base/clock.h"
#include "server/control/event_directory.h"
#include "server/metrics/event_loop_stats.h"
#include "server/probe/event_reader.h"
#include "server/probe/libbpf_backend.h"
#include "server/span/span.h"

namespace uprobed {

// Turns the kernel's records into spans, in one thread: read, decode, find out whose they are,
// assemble, hand over. Owned by the Daemon.
class EventLoop {
 public:
  // Called in the loop's thread with each span, in the order in which requests ended; must not
  // block.
  using OnSpan = std::function<void(std::shared_ptr<const span::Span>)>;

  // Called in the loop's thread each time that the ring buffer was read, and 50 ms after the last
  // time at the latest, with the monotonic clock; must not block.
  using OnTick = std::function<void(uint64_t now_ns)>;

  EventLoop(const probe::LibbpfBackend& backend, control::EventDirectory& directory, OnSpan on_span,
            OnTick on_tick = {})
      : backend_(backend),
        directory_(directory),
        on_span_(std::move(on_span)),
        on_tick_(std::move(on_tick)) {}
  ~EventLoop() { Stop(); }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Opens the ring buffer and starts the thread. FAILED_PRECONDITION where the kernel has none.
  absl::Status Start();
  // Ends the thread after it has delivered what is in the ring buffer. May be called twice.
  void Stop();
  // Thread-safe.
  metrics::EventLoopStats stats() const;

 private:
  void Run(const std::stop_token& stop);
  void OnRecord(std::span<const std::byte> record);
  void Maintain(uint64_t now_ns);

  const probe::LibbpfBackend& backend_;
  control::EventDirectory& directory_;
  const OnSpan on_span_;
  const OnTick on_tick_;
  WallClock clock_;
  uint64_t maintained_ns_ = 0;
  std::unique_ptr<probe::EventReader> reader_;
  std::atomic<uint64_t> events_ = 0;
  std::atomic<uint64_t> decode_errors_ = 0;
  std::atomic<uint64_t> unknown_slots_ = 0;
  std::jthread thread_;
};

}  // namespace uprobed

#endif  // UPROBED_SERVER_EVENT_LOOP_H_
