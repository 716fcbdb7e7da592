#include "server/profile/code_patterns.h"

#include <algorithm>
#include <cstring>

namespace uprobed::profile {
namespace {

// The first `width` bytes of `text` as the number they are in memory.
int64_t FirstBytes(std::string_view text, int width) {
  uint64_t number = 0;
  for (int i = width - 1; i >= 0; --i) {
    number = (number << 8) | static_cast<uint8_t>(text[static_cast<size_t>(i)]);
  }
  return static_cast<int64_t>(number);
}

struct ArgumentWords {
  std::string_view callee;
  int64_t count;
};

// What stands before the results on the stack, in Go 1.15 and 1.16, the last that pass them so.
constexpr ArgumentWords kArgumentWords[] = {
    {"", 2},  // RoundTripper.RoundTrip: the receiver and the request
    {"net/http.ParseHTTPVersion", 2},
    {"net/http.readRequest", 2},
    {"net/textproto.(*Reader).ReadMIMEHeader", 1},
    {"net/url.ParseRequestURI", 2},
    {"runtime.newobject", 1},
    {"strconv.Atoi", 2},
};

// The number of word `word` of the results of `callee`; nullopt where that is not known.
std::optional<int64_t> ResultNumber(Passing passing, std::string_view callee, int64_t word) {
  if (passing == Passing::kInRegisters) return word;
  for (const ArgumentWords& words : kArgumentWords) {
    if (words.callee == callee) return words.count + word;
  }
  return std::nullopt;
}

bool ComparesLength(const Behaviour& behaviour, const FieldAt& text, size_t length) {
  return std::any_of(behaviour.comparisons.begin(), behaviour.comparisons.end(),
                     [&](const Comparison& comparison) {
                       const auto word = LoadedWord(behaviour, comparison.value);
                       return word == FieldAt{text.base, text.offset + kWordBytes} &&
                              comparison.constant == static_cast<int64_t>(length);
                     });
}

}  // namespace

bool IsArgument(const Behaviour& behaviour, TermId id, int64_t word) {
  const Term& term = behaviour.terms.at(id);
  return term.kind == Term::Kind::kArgument && term.number == word;
}

bool IsConstant(const Behaviour& behaviour, TermId id, int64_t number) {
  const Term& term = behaviour.terms.at(id);
  return term.kind == Term::Kind::kConstant && term.number == number;
}

bool IsResult(const Behaviour& behaviour, TermId id, std::string_view callee, int64_t word) {
  const Term& term = behaviour.terms.at(id);
  return term.kind == Term::Kind::kResult &&
         ResultNumber(behaviour.passing, callee, word) == term.number &&
         behaviour.CalleeOf(id) == callee;
}

std::optional<FieldAt> LoadedWord(const Behaviour& behaviour, TermId id) {
  const Term& term = behaviour.terms.at(id);
  if (term.kind != Term::Kind::kLoad || term.width != kWordBytes) return std::nullopt;
  return FieldAt{term.base, term.number};
}

std::optional<FieldAt> LoadedString(const Behaviour& behaviour, TermId pointer, TermId length) {
  const auto first = LoadedWord(behaviour, pointer);
  const auto second = LoadedWord(behaviour, length);
  if (!first || second != FieldAt{first->base, first->offset + kWordBytes}) return std::nullopt;
  return first;
}

std::vector<FieldAt> StringsComparedWith(const Behaviour& behaviour, std::string_view text) {
  std::vector<FieldAt> found;
  for (const Comparison& comparison : behaviour.comparisons) {
    const Term& bytes = behaviour.terms.at(comparison.value);
    if (bytes.kind != Term::Kind::kLoad || bytes.number != 0 ||
        bytes.width > static_cast<int>(text.size()) ||
        comparison.constant != FirstBytes(text, bytes.width)) {
      continue;
    }
    const auto place = LoadedWord(behaviour, bytes.base);
    if (place && ComparesLength(behaviour, *place, text.size())) found.push_back(*place);
  }
  return found;
}

std::vector<Call> CallsOf(const Behaviour& behaviour, std::string_view callee) {
  std::vector<Call> calls;
  for (const Call& call : behaviour.calls) {
    if (call.callee == callee) calls.push_back(call);
  }
  return calls;
}

std::vector<ProtoPair> ProtoComparisons(const Behaviour& behaviour) {
  // major > 1 || major == 1 && minor >= 1; the compiler writes the last as minor > 0 as well.
  std::vector<FieldAt> majors;
  std::vector<FieldAt> minors;
  for (const Comparison& comparison : behaviour.comparisons) {
    const auto word = LoadedWord(behaviour, comparison.value);
    if (!word) continue;
    const std::string& condition = comparison.condition;
    const bool above = condition == "g" || condition == "le";
    const bool reaches = condition == "ge" || condition == "l";
    if (comparison.constant == 1 && above) majors.push_back(*word);
    if ((comparison.constant == 0 && above) || (comparison.constant == 1 && reaches)) {
      minors.push_back(*word);
    }
  }
  std::vector<ProtoPair> pairs;
  for (const FieldAt& major : majors) {
    for (const FieldAt& minor : minors) {
      // Two ints that follow each other in the struct, as in every version of Go 1.
      if (major.base == minor.base && minor.offset == major.offset + kWordBytes) {
        pairs.push_back({major.base, major.offset, minor.offset});
      }
    }
  }
  return pairs;
}

}  // namespace uprobed::profile
