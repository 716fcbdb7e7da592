#include "server/ledger_reader.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <utility>

#include "server/base/errors.h"

namespace uprobed {
namespace {

// Two looks must be so far apart that no program is half way in both.
constexpr uint64_t kLookPeriodNs = 100'000'000;

}  // namespace

LedgerReader::LedgerReader(const probe::LibbpfBackend& backend,
                           const control::ProbeController& controller, const EventLoop& event_loop,
                           const stream::SpanHub& hub)
    : backend_(backend),
      controller_(controller),
      event_loop_(event_loop),
      hub_(hub),
      cpus_(static_cast<uint64_t>(sysconf(_SC_NPROCESSORS_CONF))) {}

control::LoopTotals LedgerReader::ReadLoop() const {
  const metrics::EventLoopStats loop = event_loop_.stats();
  return {.events = loop.events,
          .malformed = loop.decode_errors,
          .unknown_slots = loop.unknown_slots,
          .published = hub_.stats().published};
}

std::vector<control::LedgerBalance> LedgerReader::Read(uint64_t now_ns) {
  const absl::MutexLock lock(&mutex_);
  if (read_ns_ != 0 && now_ns < read_ns_ + kLookPeriodNs) return balances_;
  read_ns_ = now_ns;

  control::LedgerLook look;
  look.programs_most = cpus_;
  look.drains_before = drains_.load(std::memory_order_acquire);
  look.ring_was_empty = event_loop_.has_read_all();
  look.loop_before = ReadLoop();
  look.before = controller_.List("", SIZE_MAX);
  absl::StatusOr<std::vector<uint64_t>> in_flight = backend_.InFlightBySlot();
  look.after = controller_.List("", SIZE_MAX);
  look.loop_after = ReadLoop();
  look.drains_after = drains_.load(std::memory_order_acquire);
  if (!in_flight.ok()) {
    spdlog::warn("the ledger cannot be read: {}", MessageOf(in_flight.status()));
    balances_.clear();
    return balances_;
  }
  look.in_flight = *std::move(in_flight);
  balances_ = ledger_.Judge(look);
  return balances_;
}

}  // namespace uprobed
