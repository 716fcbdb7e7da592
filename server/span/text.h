#ifndef UPROBED_SERVER_SPAN_TEXT_H_
#define UPROBED_SERVER_SPAN_TEXT_H_

#include <string>
#include <string_view>

namespace uprobed::span {

// Text that any program wrote, made fit for protobuf strings, logs and terminals: each byte that is
// not part of valid UTF-8 and each control character (C0, DEL, C1) becomes U+FFFD.
std::string SanitizeText(std::string_view bytes);
// The same, appended to `to`, which keeps its memory.
void AppendSanitized(std::string_view bytes, std::string& to);

// `bytes` without the UTF-8 sequence at its end that a cut left incomplete.
std::string_view DropCutSequence(std::string_view bytes);

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_TEXT_H_
