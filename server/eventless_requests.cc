#include "server/eventless_requests.h"

#include <memory>

#include "server/span/assembler.h"
#include "server/span/request_event.h"

namespace uprobed {

void EventlessRequests::Collect() {
  const WallClock clock;  // of spans, whose times make no labels
  const uint64_t now_ns = MonotonicNanosNow();
  for (const probe::RequestSums& sums : backend_.TakeRequestSums()) {
    const up_http_event event = span::MakeRequestEvent(sums.key);
    std::shared_ptr<const span::EventSource> source;
    if (!sums.overflowed) source = directory_.Find(event.slot, event.tgid, now_ns);
    const span::Span labels =
        span::Assemble(event, source != nullptr ? *source : span::EventSource{}, clock);
    if (source != nullptr) {
      metrics_.Add(labels, sums.metrics);
    } else {
      metrics_.AddOverflowed(labels, sums.metrics);
    }
  }
}

}  // namespace uprobed
