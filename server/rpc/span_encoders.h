#ifndef UPROBED_SERVER_RPC_SPAN_ENCODERS_H_
#define UPROBED_SERVER_RPC_SPAN_ENCODERS_H_

#include "server/stream/span_hub.h"

namespace uprobed::rpc {

// How spans are written for StreamSpans, whole and compact.
stream::SpanHub::Encoders SpanEncoders();

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_SPAN_ENCODERS_H_
