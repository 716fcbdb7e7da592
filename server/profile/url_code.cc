#include "server/profile/url_code.h"

namespace uprobed::profile {

// func (u *URL) RequestURI(): `u.Scheme + ":" + u.Opaque` and `result + "?" + u.RawQuery`; the
// strings of concatstring3 are words 1 to 6 (net/url/url.go, runtime/string.go).
void ReadUrlRequestUri(const Behaviour& b, Findings* found) {
  for (const Call& call : CallsOf(b, "runtime.concatstring3")) {
    const auto first = LoadedString(b, call.arguments[1], call.arguments[2]);
    const auto last = LoadedString(b, call.arguments[5], call.arguments[6]);
    const bool first_is_field = first && IsArgument(b, first->base, 0);
    const bool last_is_field = last && IsArgument(b, last->base, 0);
    if (first_is_field && last_is_field) (*found)["net/url.URL.Scheme"].insert(first->offset);
    if (!first_is_field && last_is_field) (*found)["net/url.URL.RawQuery"].insert(last->offset);
  }
}

// func (u *URL) EscapedPath(): `u.Path == "*"` (net/url/url.go).
void ReadUrlEscapedPath(const Behaviour& b, Findings* found) {
  for (const FieldAt& place : StringsComparedWith(b, "*")) {
    if (IsArgument(b, place.base, 0)) (*found)["net/url.URL.Path"].insert(place.offset);
  }
}

// func (u *URL) String(): `escape(u.Host, encodeHost)`; what else is escaped is so in functions of
// its own (net/url/url.go).
void ReadUrlString(const Behaviour& b, Findings* found) {
  for (const Call& call : CallsOf(b, "net/url.escape")) {
    const auto host = LoadedString(b, call.arguments[0], call.arguments[1]);
    if (host && IsArgument(b, host->base, 0)) (*found)["net/url.URL.Host"].insert(host->offset);
  }
}

}  // namespace uprobed::profile
