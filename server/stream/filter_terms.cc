#include "server/stream/filter_terms.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <utility>
#include <variant>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/span/attributes.h"
#include "server/stream/key_suggestions.h"

namespace uprobed::stream {
namespace {

using span::Span;

bool IsPresenceTest(const Comparison& comparison) {
  return comparison.op == Operator::kHas && comparison.value == "*" && !comparison.value_quoted;
}

// `get` returns an optional<string> or optional<string_view>.
template <typename Getter>
absl::StatusOr<Predicate> TextPredicate(const Comparison& comparison, Getter get) {
  if (IsPresenceTest(comparison)) return [get](const Span& span) { return get(span).has_value(); };
  switch (comparison.op) {
    case Operator::kEqual:
      return [get, value = comparison.value](const Span& span) { return get(span) == value; };
    case Operator::kNotEqual:
      return [get, value = comparison.value](const Span& span) { return get(span) != value; };
    case Operator::kHas:
      return [get, value = comparison.value](const Span& span) {
        const auto text = get(span);
        return text.has_value() && text->find(value) != std::string_view::npos;
      };
    default:
      return FilterSyntaxError(
          comparison.op_column,
          fmt::format("\"{}\" is text, which has no order; use =, != or :", comparison.key));
  }
}

// `get` returns an optional<int64_t>.
template <typename Getter>
absl::StatusOr<Predicate> NumberPredicate(Operator op, int64_t value, Getter get) {
  switch (op) {
    case Operator::kNotEqual:
      return [get, value](const Span& span) { return get(span) != value; };
    case Operator::kLess:
      return [get, value](const Span& span) { return get(span).has_value() && get(span) < value; };
    case Operator::kLessOrEqual:
      return [get, value](const Span& span) { return get(span).has_value() && get(span) <= value; };
    case Operator::kGreater:
      return [get, value](const Span& span) { return get(span) > value; };
    case Operator::kGreaterOrEqual:
      return [get, value](const Span& span) { return get(span) >= value; };
    case Operator::kEqual:
    case Operator::kHas:  // AIP-160: on a value that is no collection, the same as =
      break;
  }
  return [get, value](const Span& span) { return get(span) == value; };
}

std::optional<int64_t> ParseWholeNumber(std::string_view text) {
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || parsed_to != end) return std::nullopt;
  return number;
}

// "50ms", "1.5s" in nanoseconds.
std::optional<int64_t> ParseDuration(std::string_view text) {
  // from_chars would take "nan" and "-1" as well.
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  double amount = 0;
  const char* end = text.data() + text.size();
  const auto [unit_begin, error] =
      std::from_chars(text.data(), end, amount, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit(unit_begin, static_cast<size_t>(end - unit_begin));
  for (const auto& [name, nanoseconds] : {std::pair<std::string_view, double>{"ns", 1},
                                          {"us", 1e3},
                                          {"ms", 1e6},
                                          {"s", 1e9},
                                          {"m", 60e9},
                                          {"h", 3600e9}}) {
    if (unit != name) continue;
    constexpr double kLongest = 9e18;  // below the highest int64_t
    const double total = amount * nanoseconds;
    return total <= kLongest ? std::optional<int64_t>(std::llround(total)) : std::nullopt;
  }
  return std::nullopt;
}

absl::StatusOr<Predicate> DurationPredicate(const Comparison& comparison) {
  const std::optional<int64_t> value = ParseDuration(comparison.value);
  if (!value) {
    return FilterSyntaxError(comparison.value_column,
                             "expected a duration such as 50ms, 1.5s or 2m after \"duration\"");
  }
  return NumberPredicate(comparison.op, *value, [](const Span& span) {
    return std::optional<int64_t>(span.duration_ns());
  });
}

// For keys with two values, `when_true` and `when_false`, which have no order.
absl::StatusOr<Predicate> TwoValuedPredicate(const Comparison& comparison,
                                             std::string_view when_true,
                                             std::string_view when_false,
                                             bool (*get)(const Span&)) {
  const bool is_equality = comparison.op == Operator::kEqual || comparison.op == Operator::kHas;
  if (!is_equality && comparison.op != Operator::kNotEqual) {
    return FilterSyntaxError(comparison.op_column,
                             fmt::format("\"{}\" has no order; use = or !=", comparison.key));
  }
  if (comparison.value != when_true && comparison.value != when_false) {
    return FilterSyntaxError(
        comparison.value_column,
        fmt::format("expected {} or {} after \"{}\"", when_true, when_false, comparison.key));
  }
  const bool wanted = (comparison.value == when_true) == is_equality;
  return [get, wanted](const Span& span) { return get(span) == wanted; };
}

absl::StatusOr<Predicate> ProbePredicate(Comparison comparison) {
  const bool is_id = comparison.value.find('/') == std::string::npos;
  if (is_id && comparison.op != Operator::kHas) comparison.value.insert(0, "probes/");
  return TextPredicate(
      comparison, [](const Span& span) { return std::optional<std::string_view>(span.probe); });
}

absl::StatusOr<Predicate> TraceIdPredicate(Comparison comparison) {
  for (char& digit : comparison.value) {
    if (digit >= 'A' && digit <= 'F') digit = static_cast<char>(digit - 'A' + 'a');
  }
  return TextPredicate(comparison, [](const Span& span) {
    return std::optional<std::string>(span::ToHex(span.trace_id));
  });
}

absl::StatusOr<Predicate> AttributePredicate(const Comparison& comparison, bool is_number,
                                             span::AttributeGetter get) {
  if (!is_number) {
    return TextPredicate(comparison, [get](const Span& span) -> std::optional<std::string_view> {
      const auto value = get(span);
      if (!value) return std::nullopt;
      return std::get<std::string_view>(*value);
    });
  }
  if (IsPresenceTest(comparison)) return [get](const Span& span) { return get(span).has_value(); };
  const std::optional<int64_t> number = ParseWholeNumber(comparison.value);
  if (!number) {
    return FilterSyntaxError(comparison.value_column,
                             fmt::format("expected a whole number after \"{}\"", comparison.key));
  }
  return NumberPredicate(comparison.op, *number, [get](const Span& span) -> std::optional<int64_t> {
    const auto value = get(span);
    if (!value) return std::nullopt;
    return std::get<int64_t>(*value);
  });
}

}  // namespace

absl::Status FilterSyntaxError(size_t column, std::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "FILTER_SYNTAX",
                   fmt::format("filter, column {}: {}", column, what),
                   {{"column", std::to_string(column)}});
}

absl::StatusOr<Predicate> MakePredicate(const Comparison& comparison) {
  const std::string& key = comparison.key;
  if (key == "duration") return DurationPredicate(comparison);
  if (key == "probe") return ProbePredicate(comparison);
  if (key == "trace_id") return TraceIdPredicate(comparison);
  if (key == "name") {
    return TextPredicate(comparison, [](const Span& span) {
      return std::optional<std::string>(span::SpanName(span));
    });
  }
  if (key == "kind") {
    return TwoValuedPredicate(comparison, "server", "client",
                              [](const Span& span) { return span.kind == span::Kind::kServer; });
  }
  if (key == "error") {
    return TwoValuedPredicate(comparison, "true", "false",
                              [](const Span& span) { return span.is_error(); });
  }
  for (const span::AttributeInfo& attribute : span::KnownAttributes()) {
    if (attribute.key != key) continue;
    return AttributePredicate(comparison, attribute.is_number, span::FindAttributeGetter(key));
  }
  return MakeError(absl::StatusCode::kInvalidArgument, "FILTER_UNKNOWN_KEY",
                   fmt::format("filter, column {}: no span has \"{}\"; {}", comparison.key_column,
                               key, SuggestFilterKeys(key)),
                   {{"column", std::to_string(comparison.key_column)}, {"key", key}});
}

}  // namespace uprobed::stream
