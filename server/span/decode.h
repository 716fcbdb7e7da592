#ifndef UPROBED_SERVER_SPAN_DECODE_H_
#define UPROBED_SERVER_SPAN_DECODE_H_

#include <cstddef>
#include <span>

#include "absl/status/statusor.h"
#include "bpf/abi/http_event.h"

namespace uprobed::span {

// Checks one ring-buffer record and copies its event; trace_state.h tells what else may be in it.
// The kernel wrote it, but from memory that the probed program controls: lengths are clamped to
// their arrays' bounds by refusing what exceeds them. Behind what a string has in use its array
// says nothing. DATA_LOSS RECORD_MALFORMED for a wrong size, kind, place, length or time.
absl::StatusOr<up_http_event> DecodeHttpEvent(std::span<const std::byte> record);

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_DECODE_H_
