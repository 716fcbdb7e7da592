#ifndef UPROBED_SERVER_RPC_UTF8_H_
#define UPROBED_SERVER_RPC_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace uprobed::rpc {

// How much of a request's text an error message quotes.
inline constexpr size_t kMaxQuotedBytes = 100;

// Copies `text` with each byte that is no part of valid UTF-8 replaced by U+FFFD. A proto3 string
// must be valid UTF-8, or the receiver refuses the whole message; paths of files and of requests
// may hold any byte.
std::string ToUtf8(std::string_view text);

// As ToUtf8, cut at a character's border to at most `max_bytes` bytes.
std::string ToUtf8(std::string_view text, size_t max_bytes);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_UTF8_H_
