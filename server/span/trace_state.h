#ifndef UPROBED_SERVER_SPAN_TRACE_STATE_H_
#define UPROBED_SERVER_SPAN_TRACE_STATE_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bpf/abi/http_event.h"
#include "server/span/span.h"

namespace uprobed::span {

// The list-members of a tracestate header (W3C Trace Context, 3.3.1), joined by commas. Of a text
// that was `cut`, those that are whole. Empty where the text is no such list: who cannot read it
// must not hand it on.
std::string ParseTraceState(std::string_view text, bool cut);

// Bytes of a ring-buffer record of these flags before its text.
size_t HeadSize(uint32_t flags);

// What a record that DecodeHttpEvent has accepted has before its text; nullopt where it has none.
std::optional<up_trace_state> TraceStateOf(std::span<const std::byte> record);

// Adds it to the span.
void AddTraceState(const up_trace_state& from, Span& span);

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_TRACE_STATE_H_
