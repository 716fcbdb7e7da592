#ifndef UPROBED_SERVER_STREAM_KEY_SUGGESTIONS_H_
#define UPROBED_SERVER_STREAM_KEY_SUGGESTIONS_H_

#include <string>
#include <string_view>

namespace uprobed::stream {

// For an error message: "did you mean url.path?" with the keys of a filter that are close to
// `unknown_key`, or all of them where none is.
std::string SuggestFilterKeys(std::string_view unknown_key);
// The same with keys of attributes alone.
std::string SuggestAttributeKeys(std::string_view unknown_key);

}  // namespace uprobed::stream

#endif  // UPROBED_SERVER_STREAM_KEY_SUGGESTIONS_H_
