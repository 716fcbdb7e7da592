#ifndef UPROBED_SERVER_SPAN_SPAN_ID_MAP_H_
#define UPROBED_SERVER_SPAN_SPAN_ID_MAP_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "server/span/span.h"

namespace uprobed::span {

// One number compares and hashes in less time than eight do.
inline uint64_t BitsOf(const SpanId& id) {
  uint64_t bits = 0;
  static_assert(sizeof(bits) == sizeof(SpanId));
  std::memcpy(&bits, id.data(), sizeof(bits));
  return bits;
}

// Of a table by span id. The ids of own spans are random, but that of a traceparent is whatever
// somebody chose, and must not tell where in the table it lands.
struct SpanIdHash {
  size_t operator()(const SpanId& id) const { return absl::HashOf(BitsOf(id)); }
};

struct SpanIdEqual {
  bool operator()(const SpanId& a, const SpanId& b) const { return BitsOf(a) == BitsOf(b); }
};

template <typename To>
using MapBySpanId = absl::flat_hash_map<SpanId, To, SpanIdHash, SpanIdEqual>;

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_SPAN_ID_MAP_H_
