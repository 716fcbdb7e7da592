#ifndef UPROBED_SERVER_LEDGER_READER_H_
#define UPROBED_SERVER_LEDGER_READER_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/control/ledger.h"
#include "server/control/probe_controller.h"
#include "server/event_loop.h"
#include "server/probe/libbpf_backend.h"
#include "server/stream/span_hub.h"

namespace uprobed {

// Reads the books that the ledger judges, in the order that it asks for. Thread-safe.
class LedgerReader {
 public:
  // The references outlive it.
  LedgerReader(const probe::LibbpfBackend& backend, const control::ProbeController& controller,
               const EventLoop& event_loop, const stream::SpanHub& hub);

  // The ring buffer was read to its end once more. Thread: the event loop's.
  void CountDrain() { drains_.fetch_add(1, std::memory_order_release); }

  // One more look; what the last one said where that was a moment ago. Empty where what is under
  // way cannot be read, which is logged.
  std::vector<control::LedgerBalance> Read(uint64_t now_ns);

 private:
  control::LoopTotals ReadLoop() const;

  const probe::LibbpfBackend& backend_;
  const control::ProbeController& controller_;
  const EventLoop& event_loop_;
  const stream::SpanHub& hub_;
  const uint64_t cpus_;
  std::atomic<uint64_t> drains_ = 0;

  absl::Mutex mutex_;
  control::Ledger ledger_ ABSL_GUARDED_BY(mutex_);
  std::vector<control::LedgerBalance> balances_ ABSL_GUARDED_BY(mutex_);
  uint64_t read_ns_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace uprobed

#endif  // UPROBED_SERVER_LEDGER_READER_H_
