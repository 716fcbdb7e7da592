#ifndef UPROBED_SERVER_RPC_COMPACT_SPAN_ENCODER_H_
#define UPROBED_SERVER_RPC_COMPACT_SPAN_ENCODER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/span/attributes.h"
#include "server/span/span.h"
#include "server/stream/span_mask.h"

namespace uprobed::rpc {

// Writes spans as elements of StreamSpansResponse.compact_spans, each behind the elements of
// StreamSpansResponse.dictionary that it refers to and the batch does not have yet: a batch can be
// read by itself, and so can any number of its spans from the first one on. What comes for the
// first time is written in full, so that what never comes again costs no entry. Remembers values up
// to a bound, beyond which it forgets all of them. Allocates nothing for values that it knows. Not
// thread-safe.
class CompactSpanEncoder {
 public:
  explicit CompactSpanEncoder(const stream::SpanMask& mask);

  // `begins_batch`: what has been written is not there for this span.
  void Encode(const span::Span& span, bool begins_batch, std::string& to);

 private:
  // Entries, of which a batch may repeat each; and bytes of their values.
  static constexpr size_t kMaxEntries = 4096;
  static constexpr size_t kMaxBytes = 1 << 20;
  static constexpr size_t kSeen = 4096;

  struct Entry {
    uint64_t id = 0;
    uint64_t batch = 0;  // that it was last written in
  };
  using Entries = absl::flat_hash_map<std::string, Entry>;
  // An attribute that differs from one request to the next.
  struct OwnAttribute {
    std::string_view key;
    span::AttributeGetter get;
    size_t number;  // in KnownAttributes()
  };

  // nullptr where the value comes for the first time, as far as that is remembered.
  Entry* Find(Entries& entries, absl::string_view value);
  // Returns whether the batch has it already.
  bool MarkWritten(Entry& entry) const;
  void WriteCommon(const span::Span& span, uint64_t id, std::string& to) const;
  // Fills attribute_ids_ with those that the dictionary has; returns the others.
  span::AttributeSet WriteAttributes(const span::Span& span, std::string& to);
  void WriteSpan(const span::Span& span, uint64_t common_id, const span::AttributeSet& in_full,
                 std::string& to) const;
  void ForgetTooMany();

  const stream::SpanMask mask_;
  stream::SpanMask common_mask_;
  stream::SpanMask own_mask_;
  std::vector<OwnAttribute> own_attributes_;
  uint64_t batch_ = 0;
  uint64_t last_id_ = 0;
  size_t bytes_ = 0;
  Entries commons_;
  Entries attributes_;
  // Hashes of values that came once, each in the place that it has by its hash.
  std::array<size_t, kSeen> seen_{};
  // Memory that stays.
  std::string value_;
  std::vector<uint64_t> attribute_ids_;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_COMPACT_SPAN_ENCODER_H_
