#ifndef UPROBED_SERVER_EVENT_LOOP_H_
#define UPROBED_SERVER_EVENT_LOOP_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "server/control/event_directory.h"
#include "server/metrics/event_loop_stats.h"
#include "server/probe/event_reader.h"
#include "server/probe/libbpf_backend.h"
#include "server/span_pipeline.h"

namespace uprobed {

// The thread that reads the kernel's records and brings them through the pipeline. Owned by the
// Daemon.
class EventLoop {
 public:
  // Called in the loop's thread each time that the ring buffer was read, several times a second
  // while spans come and for some seconds after, and every other second else, with the monotonic
  // clock; must not block.
  using OnTick = std::function<void(uint64_t now_ns)>;

  // A record lies in the ring buffer so long while others follow it, unless it fills up.
  static constexpr std::chrono::milliseconds kDefaultGather{10};

  EventLoop(const probe::LibbpfBackend& backend, control::EventDirectory& directory,
            SpanPipeline::OnSpan on_span, OnTick on_tick = {},
            std::chrono::milliseconds gather = kDefaultGather)
      : backend_(backend),
        directory_(directory),
        pipeline_(directory, std::move(on_span)),
        on_tick_(std::move(on_tick)),
        gather_(gather) {}
  ~EventLoop() { Stop(); }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Opens the ring buffer and starts the thread. FAILED_PRECONDITION where the kernel has none.
  absl::Status Start();
  // Ends the thread after it has delivered what is in the ring buffer. May be called twice.
  void Stop();
  // Thread-safe.
  metrics::EventLoopStats stats() const { return pipeline_.stats(); }
  // Whether all that was in the ring buffer at one moment of this call has been delivered.
  // Thread-safe, once started.
  bool has_read_all() const { return reader_ != nullptr && reader_->is_empty(); }

 private:
  void Run(const std::stop_token& stop);
  void Maintain(uint64_t now_ns);

  const probe::LibbpfBackend& backend_;
  control::EventDirectory& directory_;
  SpanPipeline pipeline_;
  const OnTick on_tick_;
  const std::chrono::milliseconds gather_;
  uint64_t maintained_ns_ = 0;
  std::unique_ptr<probe::EventReader> reader_;
  std::jthread thread_;
};

}  // namespace uprobed

#endif  // UPROBED_SERVER_EVENT_LOOP_H_
