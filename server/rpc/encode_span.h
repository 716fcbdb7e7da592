#ifndef UPROBED_SERVER_RPC_ENCODE_SPAN_H_
#define UPROBED_SERVER_RPC_ENCODE_SPAN_H_

#include <string>
#include <string_view>

#include "server/span/attributes.h"
#include "server/span/span.h"
#include "server/stream/span_mask.h"

namespace uprobed::rpc {

// Appends what `mask` leaves of the span to `to` as one element of StreamSpansResponse.spans, field
// number and length included: elements stand one behind the other, and a response may be put
// together of them and of its other fields in any order. Written straight to the wire, because
// messages of generated code allocate for each of a span's attributes. The mask's fields are by
// their numbers in the message Span.
void EncodeSpan(const span::Span& span, const stream::SpanMask& mask, std::string& to);
// The same without field number and length: the fields of a message Span.
void EncodeSpanFields(const span::Span& span, const stream::SpanMask& mask, std::string& to);
// A KeyValue as field number `field`.
void EncodeAttribute(int field, std::string_view key, const span::AttributeValue& value,
                     std::string& to);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_ENCODE_SPAN_H_
