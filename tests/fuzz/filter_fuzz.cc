// Fuzzes the filters that subscribers send: each is refused with a reason, or decides about a span.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/base/errors.h"
#include "server/span/span.h"
#include "server/stream/filter.h"

namespace {

uprobed::span::Span SampleSpan() {
  uprobed::span::Span span;
  span.method = "GET";
  span.path = "/items/7";
  span.route = "/items/{id}";
  span.status_code = 200;
  span.end_unix_ns = 50'000'000;
  return span;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const uprobed::span::Span span = SampleSpan();
  const std::string_view filter(reinterpret_cast<const char*>(data), size);

  const auto accept = uprobed::stream::CompileFilter(filter);

  if (accept.ok()) {
    const bool accepted = (*accept)(span);
    if ((*accept)(span) != accepted) std::abort();
    return 0;
  }
  const std::string reason = uprobed::ReasonOf(accept.status());
  if (reason != "FILTER_SYNTAX" && reason != "FILTER_UNKNOWN_KEY") std::abort();
  return 0;
}
