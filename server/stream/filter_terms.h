#ifndef UPROBED_SERVER_STREAM_FILTER_TERMS_H_
#define UPROBED_SERVER_STREAM_FILTER_TERMS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/span/span.h"

namespace uprobed::stream {

using Predicate = std::function<bool(const span::Span&)>;

enum class Operator : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kHas,
};

// One comparison of a filter, as it was written. Columns are bytes, from 1.
struct Comparison {
  std::string key;
  size_t key_column = 1;
  Operator op = Operator::kEqual;
  size_t op_column = 1;
  std::string value;
  size_t value_column = 1;
  bool value_quoted = false;
};

// What decides whether a span satisfies `comparison`. FILTER_UNKNOWN_KEY for a key that no span
// could have; FILTER_SYNTAX for an operator or value that does not go with the key.
absl::StatusOr<Predicate> MakePredicate(const Comparison& comparison);

// INVALID_ARGUMENT FILTER_SYNTAX: "column 7: <what>".
absl::Status FilterSyntaxError(size_t column, std::string_view what);

}  // namespace uprobed::stream

#endif  // UPROBED_SERVER_STREAM_FILTER_TERMS_H_
