#ifndef UPROBED_SERVER_BASE_LOG_H_
#define UPROBED_SERVER_BASE_LOG_H_

#include <string>

#include "absl/status/status.h"

namespace uprobed {

// Sets up spdlog for the process: to standard error, "text" for people or "json" (one object a
// line) for programs, at `level` (trace, debug, info, warn, error). Call once, before any thread.
absl::Status SetUpLog(const std::string& level, const std::string& format);

}  // namespace uprobed

#endif  // UPROBED_SERVER_BASE_LOG_H_
