#ifndef UPROBED_SERVER_STREAM_SPAN_MASK_H_
#define UPROBED_SERVER_STREAM_SPAN_MASK_H_

#include <bitset>
#include <cstddef>

#include "server/span/attributes.h"

namespace uprobed::stream {

// What of a span its subscriber gets: all of it, unless bits are taken away. Bits that stand for
// nothing stay set, so that masks are equal that take the same away.
struct SpanMask {
  static constexpr size_t kMaxFields = 32;

  // By the encoder's numbers of fields.
  std::bitset<kMaxFields> fields = ~std::bitset<kMaxFields>();
  // Where their fields are there.
  span::AttributeSet attributes = ~span::AttributeSet();

  bool operator==(const SpanMask&) const = default;
  bool TakesAll() const { return fields.all() && attributes.all(); }
};

}  // namespace uprobed::stream

#endif  // UPROBED_SERVER_STREAM_SPAN_MASK_H_
