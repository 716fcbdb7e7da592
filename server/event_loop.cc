#include "server/event_loop.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <chrono>

#include "server/base/clock.h"
#include "server/base/errors.h"

namespace uprobed {
namespace {

// While spans came a short time ago, others may wait for what follows from them (span::Topology)
// and for their batch to be told; a machine on which nothing happens is left in peace.
constexpr std::chrono::milliseconds kBusyTick(100);
constexpr std::chrono::milliseconds kIdleTick(2000);
constexpr uint64_t kBusyForNs = 15'000'000'000;
constexpr uint64_t kMaintenancePeriodNs = 10'000'000'000;

}  // namespace

absl::Status EventLoop::Start() {
  ASSIGN_OR_RETURN(reader_,
                   backend_.OpenEvents([this](auto record) { pipeline_.OnRecord(record); }));
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  return absl::OkStatus();
}

void EventLoop::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  reader_->Wake();
  thread_.join();
}

void EventLoop::Run(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "event-loop");
  maintained_ns_ = MonotonicNanosNow();  // there is nothing to be forgotten yet
  uint64_t busy_until_ns = 0;
  while (!stop.stop_requested()) {
    const bool busy = MonotonicNanosNow() < busy_until_ns;
    const absl::StatusOr<size_t> delivered =
        reader_->Poll({.timeout = busy ? kBusyTick : kIdleTick, .gather = gather_});
    if (!delivered.ok()) {
      spdlog::error("no more spans: {}", MessageOf(delivered.status()));
      return;
    }
    const uint64_t now_ns = MonotonicNanosNow();
    if (*delivered > 0) busy_until_ns = now_ns + kBusyForNs;
    if (on_tick_) on_tick_(now_ns);
    Maintain(now_ns);
  }
  if (const auto delivered = reader_->Drain(); !delivered.ok()) {
    spdlog::error("the last spans are lost: {}", MessageOf(delivered.status()));
  }
}

void EventLoop::Maintain(uint64_t now_ns) {
  if (now_ns - maintained_ns_ < kMaintenancePeriodNs) return;
  maintained_ns_ = now_ns;
  pipeline_.RefreshClock();
  directory_.ForgetFunctions();
  if (const size_t forgotten = backend_.ForgetExitedProcesses(); forgotten > 0) {
    spdlog::debug("forgot requests of processes that exited count={}", forgotten);
  }
  if (const size_t forgotten = backend_.ForgetOldHandoffs(now_ns); forgotten > 0) {
    spdlog::debug("forgot work that was handed over long ago count={}", forgotten);
  }
}

}  // namespace uprobed
