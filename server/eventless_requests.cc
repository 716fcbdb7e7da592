#include "server/eventless_requests.h"

#include <optional>

#include "server/span/assembler.h"
#include "server/span/request_event.h"

namespace uprobed {

void EventlessRequests::Collect() {
  const WallClock clock;  // of spans, whose times make no labels
  const uint64_t now_ns = MonotonicNanosNow();
  for (const probe::RequestSums& sums : backend_.TakeRequestSums()) {
    const up_http_event event = span::MakeRequestEvent(sums.key);
    std::optional<span::EventSource> source;
    if (!sums.overflowed) source = directory_.Find(event.slot, event.tgid, now_ns);
    const span::Span labels = span::Assemble(event, source.value_or(span::EventSource{}), clock);
    if (source.has_value()) {
      metrics_.Add(labels, sums.metrics);
    } else {
      metrics_.AddOverflowed(labels, sums.metrics);
    }
  }
}

}  // namespace uprobed
