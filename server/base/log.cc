#include "server/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "server/base/errors.h"
#include "server/base/json_log_formatter.h"

namespace uprobed {

absl::Status SetUpLog(const std::string& level, const std::string& format) {
  const spdlog::level::level_enum parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off") {
    return MakeError(absl::StatusCode::kInvalidArgument, "LOG_LEVEL_UNKNOWN",
                     "log level \"" + level + "\" is none of trace, debug, info, warn, error, off");
  }
  if (format != "text" && format != "json") {
    return MakeError(absl::StatusCode::kInvalidArgument, "LOG_FORMAT_UNKNOWN",
                     "log format \"" + format + "\" is neither text nor json");
  }
  auto logger = std::make_shared<spdlog::logger>(
      "uprobed", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_level(parsed);
  if (format == "json") {
    logger->set_formatter(MakeJsonLogFormatter());
  } else {
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-5l%$ %v");
  }
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

}  // namespace uprobed
