#ifndef UPROBED_SERVER_RPC_SPAN_READ_MASK_H_
#define UPROBED_SERVER_RPC_SPAN_READ_MASK_H_

#include "absl/status/statusor.h"
#include "server/stream/span_mask.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::rpc {

// What read_mask and attribute_keys of the request ask for, as EncodeSpan takes it; requests that
// ask for the same have equal masks.
// INVALID_ARGUMENT FIELD_MASK_INVALID, ATTRIBUTE_KEY_UNKNOWN, or ATTRIBUTE_KEY_NOT_READ for the key
// of an attribute whose field the read_mask leaves out.
absl::StatusOr<stream::SpanMask> ParseSpanReadMask(const v1::StreamSpansRequest& request);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_SPAN_READ_MASK_H_
