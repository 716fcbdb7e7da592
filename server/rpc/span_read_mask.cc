#include "server/rpc/span_read_mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "server/base/errors.h"
#include "server/rpc/field_mask.h"
#include "server/rpc/status.h"
#include "server/rpc/utf8.h"
#include "server/span/attributes.h"
#include "server/stream/key_suggestions.h"

namespace uprobed::rpc {
namespace {

constexpr char kKeysField[] = "attribute_keys";

absl::StatusOr<span::AttributeSet> ParseAttributeKeys(const v1::StreamSpansRequest& request) {
  const auto known = span::KnownAttributes();
  span::AttributeSet wanted;
  for (const std::string& key : request.attribute_keys()) {
    const auto found =
        std::find_if(known.begin(), known.end(),
                     [&key](const span::AttributeInfo& attribute) { return attribute.key == key; });
    if (found == known.end()) {
      return FieldError(
          "ATTRIBUTE_KEY_UNKNOWN", kKeysField,
          fmt::format("\"{}\" is no attribute of a span: {}", ToUtf8(key, kMaxQuotedBytes),
                      stream::SuggestAttributeKeys(key)));
    }
    const std::string field = found->of_resource ? "resource" : "attributes";
    if (!Reads(request.read_mask(), field)) {
      return FieldError(
          "ATTRIBUTE_KEY_NOT_READ", kKeysField,
          fmt::format("\"{}\" is in the field {}, which read_mask leaves out: add it there", key,
                      field));
    }
    wanted[static_cast<size_t>(found - known.begin())] = true;
  }
  return wanted;
}

}  // namespace

absl::StatusOr<stream::SpanMask> ParseSpanReadMask(const v1::StreamSpansRequest& request) {
  const google::protobuf::Descriptor& message = *v1::Span::descriptor();
  RETURN_IF_ERROR(CheckReadMaskOfWholeFields(request.read_mask(), message));
  stream::SpanMask mask;
  for (int i = 0; i < message.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *message.field(i);
    mask.fields[static_cast<size_t>(field.number())] = Reads(request.read_mask(), field.name());
  }
  if (request.attribute_keys().empty()) return mask;
  ASSIGN_OR_RETURN(const span::AttributeSet wanted, ParseAttributeKeys(request));
  for (size_t i = 0; i < span::KnownAttributes().size(); ++i) mask.attributes[i] = wanted[i];
  return mask;
}

}  // namespace uprobed::rpc
