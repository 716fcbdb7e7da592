#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <variant>

#include "absl/synchronization/mutex.h"
#include "server/base/errors.h"
#include "server/base/log.h"
#include "server/config.h"
#include "server/daemon.h"
#include "server/service_notification.h"

namespace {

constexpr int kStartFailed = 1;
constexpr int kUsageError = 2;
// sysexits.h EX_CONFIG: a service manager must not start the daemon again and again.
constexpr int kNotOnThisDatabase = 78;

int ExitCodeOf(const absl::Status& status) {
  return uprobed::ReasonOf(status) == "STORE_NEWER_SCHEMA" ? kNotOnThisDatabase : kStartFailed;
}

int Fail(const absl::Status& status) {
  spdlog::error("{} (reason: {})", uprobed::MessageOf(status), uprobed::ReasonOf(status));
  return ExitCodeOf(status);
}

}  // namespace

int main(int argc, char** argv) {
  // Built without NDEBUG, as by Debian, the library looks for deadlocks at each lock of a mutex,
  // which costs more than most locks protect. Tests keep that search.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const std::variant<uprobed::Config, int> parsed = uprobed::ParseConfig(argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  const auto& config = std::get<uprobed::Config>(parsed);
  if (const absl::Status status = uprobed::SetUpLog(config.log_level, config.log_format);
      !status.ok()) {
    std::fprintf(stderr, "uprobed: %s\n", uprobed::MessageOf(status).c_str());
    return kUsageError;
  }

  // Blocked before any thread exists, so that only sigwait below sees them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGINT);
  sigaddset(&stop_signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  absl::StatusOr<std::unique_ptr<uprobed::Daemon>> daemon = uprobed::Daemon::Create(config);
  if (!daemon.ok()) return Fail(daemon.status());
  if (const absl::Status status = (*daemon)->Start(); !status.ok()) return Fail(status);
  uprobed::NotifyServiceManager("READY=1");

  int received = 0;
  sigwait(&stop_signals, &received);
  spdlog::info("stopping signal={}", received);
  uprobed::NotifyServiceManager("STOPPING=1");
  (*daemon)->Stop();
  return 0;
}
