#include "server/stream/filter.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/stream/filter_terms.h"

namespace uprobed::stream {
namespace {

constexpr size_t kMaxLength = 4096;
constexpr int kMaxDepth = 64;  // of parentheses: parsing and matching recurse once for each

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool IsKeyStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool IsKeyCharacter(char c) { return IsKeyStart(c) || (c >= '0' && c <= '9') || c == '.'; }

bool IsOperatorCharacter(char c) { return std::string_view("=!<>:").find(c) < 5; }

bool IsWordEnd(char c) { return IsSpace(c) || c == '(' || c == ')' || c == '"' || c == '\''; }

bool IsReserved(std::string_view word) { return word == "AND" || word == "OR" || word == "NOT"; }

Predicate AllOf(std::vector<Predicate> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  return [parts = std::move(parts)](const span::Span& span) {
    for (const Predicate& part : parts) {
      if (!part(span)) return false;
    }
    return true;
  };
}

Predicate AnyOf(std::vector<Predicate> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  return [parts = std::move(parts)](const span::Span& span) {
    for (const Predicate& part : parts) {
      if (part(span)) return true;
    }
    return false;
  };
}

// Recursive descent over AIP-160's grammar without its bare-word search and functions:
//   expression = factor {"AND" factor}
//   factor     = term {"OR" term}
//   term       = ["NOT" | "-"] (comparison | "(" expression ")")
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<Predicate> Parse() {
    ASSIGN_OR_RETURN(Predicate predicate, ParseExpression(0));
    SkipSpace();
    if (AtEnd()) return predicate;
    return Error(Peek() == ')' ? "there is no \"(\" for this \")\"" : "expected AND or OR");
  }

 private:
  absl::StatusOr<Predicate> ParseExpression(int depth) {
    std::vector<Predicate> factors;
    do {
      ASSIGN_OR_RETURN(Predicate factor, ParseFactor(depth));
      factors.push_back(std::move(factor));
    } while (TakeKeyword("AND"));
    return AllOf(std::move(factors));
  }

  absl::StatusOr<Predicate> ParseFactor(int depth) {
    std::vector<Predicate> terms;
    do {
      ASSIGN_OR_RETURN(Predicate term, ParseTerm(depth));
      terms.push_back(std::move(term));
    } while (TakeKeyword("OR"));
    return AnyOf(std::move(terms));
  }

  absl::StatusOr<Predicate> ParseTerm(int depth) {
    const bool negated = TakeKeyword("NOT") || TakeCharacter('-');
    SkipSpace();
    ASSIGN_OR_RETURN(Predicate predicate,
                     Peek() == '(' ? ParseParenthesized(depth) : ParseComparison());
    if (!negated) return predicate;
    return [predicate = std::move(predicate)](const span::Span& span) { return !predicate(span); };
  }

  absl::StatusOr<Predicate> ParseParenthesized(int depth) {
    const size_t open = position_;
    if (depth >= kMaxDepth) {
      return Error(fmt::format("parentheses are nested more than {} deep", kMaxDepth));
    }
    ++position_;
    ASSIGN_OR_RETURN(Predicate predicate, ParseExpression(depth + 1));
    if (!TakeCharacter(')')) {
      if (!AtEnd()) return Error("expected AND, OR or \")\"");
      return FilterSyntaxError(open + 1, "this \"(\" has no \")\"");
    }
    return predicate;
  }

  absl::StatusOr<Predicate> ParseComparison() {
    Comparison comparison;
    comparison.key_column = column();
    comparison.key = std::string(TakeKey());
    if (comparison.key.empty() || IsReserved(comparison.key)) {
      return FilterSyntaxError(comparison.key_column,
                               "expected a comparison such as http.response.status_code >= 500");
    }
    SkipSpace();
    comparison.op_column = column();
    const std::optional<Operator> op = TakeOperator();
    if (!op) {
      return Error(fmt::format("expected =, !=, <, <=, >, >= or : after \"{}\"", comparison.key));
    }
    comparison.op = *op;
    SkipSpace();
    comparison.value_column = column();
    comparison.value_quoted = Peek() == '"' || Peek() == '\'';
    ASSIGN_OR_RETURN(comparison.value, comparison.value_quoted ? TakeQuoted() : TakeWord());
    return MakePredicate(comparison);
  }

  std::string_view TakeKey() {
    const size_t begin = position_;
    if (!AtEnd() && IsKeyStart(Peek())) {
      while (!AtEnd() && IsKeyCharacter(Peek())) ++position_;
    }
    return text_.substr(begin, position_ - begin);
  }

  std::optional<Operator> TakeOperator() {
    // Those of two characters first, because "<" begins "<=".
    constexpr std::array<std::pair<std::string_view, Operator>, 7> kOperators = {
        {{"!=", Operator::kNotEqual},
         {"<=", Operator::kLessOrEqual},
         {">=", Operator::kGreaterOrEqual},
         {"=", Operator::kEqual},
         {"<", Operator::kLess},
         {">", Operator::kGreater},
         {":", Operator::kHas}}};
    for (const auto& [text, op] : kOperators) {
      if (!text_.substr(position_).starts_with(text)) continue;
      position_ += text.size();
      return op;
    }
    return std::nullopt;
  }

  absl::StatusOr<std::string> TakeWord() {
    const size_t begin = position_;
    while (!AtEnd() && !IsWordEnd(Peek())) ++position_;
    const std::string_view word = text_.substr(begin, position_ - begin);
    if (word.empty() || IsOperatorCharacter(word.front()) || IsReserved(word)) {
      return FilterSyntaxError(begin + 1, "expected a value, in quotes unless it is one word");
    }
    return std::string(word);
  }

  absl::StatusOr<std::string> TakeQuoted() {
    const size_t begin = position_;
    const char quote = text_[position_++];
    std::string value;
    while (!AtEnd() && Peek() != quote) {
      if (Peek() == '\\') ++position_;
      if (!AtEnd()) value += text_[position_++];
    }
    if (AtEnd()) return FilterSyntaxError(begin + 1, "this quote is not closed");
    ++position_;
    return value;
  }

  // A keyword is a whole word: "ORDER" does not begin with OR.
  bool TakeKeyword(std::string_view keyword) {
    SkipSpace();
    const std::string_view rest = text_.substr(position_);
    if (!rest.starts_with(keyword)) return false;
    if (rest.size() > keyword.size() && IsKeyCharacter(rest[keyword.size()])) return false;
    position_ += keyword.size();
    return true;
  }

  bool TakeCharacter(char wanted) {
    SkipSpace();
    if (Peek() != wanted) return false;
    ++position_;
    return true;
  }

  void SkipSpace() {
    while (!AtEnd() && IsSpace(Peek())) ++position_;
  }

  bool AtEnd() const { return position_ >= text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[position_]; }
  size_t column() const { return position_ + 1; }
  absl::Status Error(std::string_view what) const { return FilterSyntaxError(column(), what); }

  const std::string_view text_;
  size_t position_ = 0;
};

}  // namespace

absl::StatusOr<std::function<bool(const span::Span&)>> CompileFilter(std::string_view filter) {
  if (filter.size() > kMaxLength) {
    return FilterSyntaxError(kMaxLength + 1,
                             fmt::format("a filter has at most {} bytes", kMaxLength));
  }
  if (filter.find_first_not_of(" \t\n\r") == std::string_view::npos) {
    return [](const span::Span&) { return true; };
  }
  return Parser(filter).Parse();
}

}  // namespace uprobed::stream
