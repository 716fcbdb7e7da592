#ifndef UPROBED_SERVER_BASE_JSON_LOG_FORMATTER_H_
#define UPROBED_SERVER_BASE_JSON_LOG_FORMATTER_H_

#include <spdlog/formatter.h>

#include <memory>
#include <string>
#include <string_view>

namespace uprobed {

// `text` as a JSON string with its quotes. Messages hold what others chose (paths, errors), so a
// byte that is not part of valid UTF-8 becomes U+FFFD: the result is always valid JSON.
std::string JsonQuote(std::string_view text);

// Formats a log record as one JSON object a line: ts, level, thread, msg.
std::unique_ptr<spdlog::formatter> MakeJsonLogFormatter();

}  // namespace uprobed

#endif  // UPROBED_SERVER_BASE_JSON_LOG_FORMATTER_H_
