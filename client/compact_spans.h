#ifndef UPROBED_CLIENT_COMPACT_SPANS_H_
#define UPROBED_CLIENT_COMPACT_SPANS_H_

#include <functional>

#include "grpcpp/support/status.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

// Calls `visit` for each span of the response, put together where it is a compact one, until it
// returns false. DATA_LOSS with DICTIONARY_ENTRY_MISSING where a span refers to what the response
// does not have.
grpc::Status VisitSpans(const v1::StreamSpansResponse& response,
                        const std::function<bool(const v1::Span& span)>& visit);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_COMPACT_SPANS_H_
