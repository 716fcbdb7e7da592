// Fuzzes the way of a ring-buffer record to a span: what a probed program puts into its memory must
// neither crash the daemon nor leave it as anything but valid text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <variant>

#include "server/span/assembler.h"
#include "server/span/attributes.h"
#include "server/span/decode.h"
#include "server/span/text.h"
#include "server/span/trace_state.h"

namespace {

void CheckAttribute(std::string_view, uprobed::span::AttributeValue value) {
  const auto* text = std::get_if<std::string_view>(&value);
  if (text != nullptr && uprobed::span::SanitizeText(*text) != *text) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace span = uprobed::span;
  const auto record = std::as_bytes(std::span(data, size));
  const auto event = span::DecodeHttpEvent(record);
  if (!event.ok()) return 0;

  span::EventSource source;
  source.capture_query = (event->tid & 1U) != 0;
  span::Span assembled = span::Assemble(*event, source, uprobed::WallClock(0));
  if (const auto state = span::TraceStateOf(record)) span::AddTraceState(*state, assembled);

  if (assembled.duration_ns() < 0) std::abort();
  span::VisitAttributes(assembled, CheckAttribute);
  span::VisitResource(assembled, CheckAttribute);
  CheckAttribute("", span::SpanName(assembled));
  CheckAttribute("", assembled.trace_state);
  return 0;
}
