#include "server/rpc/span_encoders.h"

#include <memory>
#include <string>

#include "server/rpc/compact_span_encoder.h"
#include "server/rpc/encode_span.h"

namespace uprobed::rpc {

stream::SpanHub::Encoders SpanEncoders() {
  return {.whole = EncodeSpan, .make_compact = [](const stream::SpanMask& mask) {
            const auto encoder = std::make_shared<CompactSpanEncoder>(mask);
            return [encoder](const span::Span& span, bool begins_batch, std::string& to) {
              encoder->Encode(span, begins_batch, to);
            };
          }};
}

}  // namespace uprobed::rpc
