#ifndef UPROBED_SERVER_STREAM_FILTER_H_
#define UPROBED_SERVER_STREAM_FILTER_H_

#include <functional>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/span/span.h"

namespace uprobed::stream {

// Compiles a span filter, a part of AIP-160: comparisons `key op value` with = != < <= > >= and `:`
// (contains), joined by AND, OR, NOT, a leading '-', parentheses. Keys are attribute names
// (http.response.status_code), and kind, name, duration (value "50ms", "1.5s"), error (true/false),
// trace_id, probe. Values are words or "quoted". An empty filter accepts everything.
// After AIP-160, OR binds tighter than AND: `a=1 AND b=2 OR c=3` is `a=1 AND (b=2 OR c=3)`, and
// `key:*` asks whether the span has the attribute at all. A comparison with an attribute that the
// span has not is false, but for `!=`, which is always NOT `=`. Text is compared case-sensitively;
// only numbers and durations have an order. `probe = shop` is short for `probe = "probes/shop"`.
// INVALID_ARGUMENT FILTER_SYNTAX (says the column and what was expected) or FILTER_UNKNOWN_KEY.
absl::StatusOr<std::function<bool(const span::Span&)>> CompileFilter(std::string_view filter);

}  // namespace uprobed::stream

#endif  // UPROBED_SERVER_STREAM_FILTER_H_
