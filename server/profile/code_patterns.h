#ifndef UPROBED_SERVER_PROFILE_CODE_PATTERNS_H_
#define UPROBED_SERVER_PROFILE_CODE_PATTERNS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/profile/symbolic.h"

namespace uprobed::profile {

// Questions about what a function does, from which offsets follow.

// Candidates by field; more than one means that nothing is certain.
using Findings = std::map<std::string, std::set<int64_t>>;

// A word that lies `offset` behind the pointer `base`.
struct FieldAt {
  TermId base = kUnknownTerm;
  int64_t offset = 0;
  bool operator==(const FieldAt&) const = default;
};

bool IsArgument(const Behaviour& behaviour, TermId id, int64_t word);
bool IsConstant(const Behaviour& behaviour, TermId id, int64_t number);
// The word `word` of what `callee` returns; "" is RoundTrip of an http.RoundTripper, called by its
// interface.
bool IsResult(const Behaviour& behaviour, TermId id, std::string_view callee, int64_t word);

// The place a word was loaded from; nullopt for anything else.
std::optional<FieldAt> LoadedWord(const Behaviour& behaviour, TermId id);
// The place of the string whose pointer and length are these two words.
std::optional<FieldAt> LoadedString(const Behaviour& behaviour, TermId pointer, TermId length);

// The strings that are compared with `text`: the length with a number, the bytes with others.
std::vector<FieldAt> StringsComparedWith(const Behaviour& behaviour, std::string_view text);

// The stores of one word whose value satisfies `matches(value)`.
template <typename Matches>
std::vector<FieldAt> StoresOf(const Behaviour& behaviour, Matches matches) {
  std::vector<FieldAt> places;
  for (const Store& store : behaviour.stores) {
    if (store.width == kWordBytes && matches(store.value)) {
      places.push_back({store.base, store.offset});
    }
  }
  return places;
}

// The calls of `callee`.
std::vector<Call> CallsOf(const Behaviour& behaviour, std::string_view callee);

// Request.ProtoAtLeast(1, 1), inlined (net/http/request.go): the struct whose two words are
// compared so, and where they are.
struct ProtoPair {
  TermId request = kUnknownTerm;
  int64_t major = 0;
  int64_t minor = 0;
};
std::vector<ProtoPair> ProtoComparisons(const Behaviour& behaviour);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_CODE_PATTERNS_H_
