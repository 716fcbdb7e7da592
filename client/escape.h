#ifndef UPROBED_CLIENT_ESCAPE_H_
#define UPROBED_CLIENT_ESCAPE_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace uprobed::client {

// Paths, routes and service names come from whoever sends a request. Returns `text` such that a
// terminal can neither be steered nor deceived by it, on one line: control characters, invisible
// and direction-changing code points become \n, \x1b or \u202e, invalid UTF-8 becomes \xNN, and a
// backslash is doubled so that the result is unambiguous.
std::string EscapeUntrusted(std::string_view text);

// `text` as a JSON string with its quotes.
std::string QuoteJson(std::string_view text);

// Code points of UTF-8 `text`: what padding counts, taking every character as one column wide.
size_t CountCharacters(std::string_view text);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_ESCAPE_H_
