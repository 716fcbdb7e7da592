#include "client/compact_spans.h"

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "client/failure.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

using Dictionary = absl::flat_hash_map<uint64_t, const v1::DictionaryEntry*>;

grpc::Status Missing(uint64_t id) {
  return MakeFailure(grpc::StatusCode::DATA_LOSS, "DICTIONARY_ENTRY_MISSING",
                     fmt::format("a span refers to entry {} of the dictionary, which its response "
                                 "does not have: update uprobectl to the daemon's version",
                                 id));
}

// nullptr where the response has none of this number.
const v1::DictionaryEntry* Find(const Dictionary& dictionary, uint64_t id) {
  const auto found = dictionary.find(id);
  return found == dictionary.end() ? nullptr : found->second;
}

// Replaces what `whole` was.
grpc::Status PutTogether(const Dictionary& dictionary, const v1::CompactSpan& span,
                         v1::Span& whole) {
  whole.Clear();
  if (span.common_id() != 0) {
    const v1::DictionaryEntry* const entry = Find(dictionary, span.common_id());
    if (entry == nullptr || !entry->has_common()) return Missing(span.common_id());
    whole = entry->common();
  }
  whole.MergeFrom(span.own());
  for (const uint64_t id : span.attribute_ids()) {
    const v1::DictionaryEntry* const entry = Find(dictionary, id);
    if (entry == nullptr || !entry->has_attribute()) return Missing(id);
    *whole.add_attributes() = entry->attribute();
  }
  return grpc::Status::OK;
}

}  // namespace

grpc::Status VisitSpans(const v1::StreamSpansResponse& response,
                        const std::function<bool(const v1::Span& span)>& visit) {
  for (const v1::Span& span : response.spans()) {
    if (!visit(span)) return grpc::Status::OK;
  }
  Dictionary dictionary;
  for (const v1::DictionaryEntry& entry : response.dictionary()) {
    dictionary.emplace(entry.id(), &entry);
  }
  v1::Span whole;
  for (const v1::CompactSpan& span : response.compact_spans()) {
    if (grpc::Status status = PutTogether(dictionary, span, whole); !status.ok()) return status;
    if (!visit(whole)) return grpc::Status::OK;
  }
  return grpc::Status::OK;
}

}  // namespace uprobed::client
