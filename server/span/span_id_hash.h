#ifndef UPROBED_SERVER_SPAN_SPAN_ID_HASH_H_
#define UPROBED_SERVER_SPAN_SPAN_ID_HASH_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/hash/hash.h"
#include "server/span/span.h"

namespace uprobed::span {

// Of a table by span id. The ids of own spans are random, but that of a traceparent is whatever
// somebody chose, and must not tell where in the table it lands.
struct SpanIdHash {
  size_t operator()(const SpanId& id) const {
    uint64_t bits = 0;
    static_assert(sizeof(bits) == sizeof(SpanId));
    std::memcpy(&bits, id.data(), sizeof(bits));
    return absl::HashOf(bits);
  }
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_SPAN_ID_HASH_H_
