#include "client/signal_watch.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

#include "client/exit_code.h"

namespace uprobed::client {
namespace {

constexpr int kGraceMilliseconds = 1000;

// Leaves at once if the command does not end by itself: nothing here is worth waiting for.
void EndUnlessStopped(int stop) {
  pollfd stopped{stop, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&stopped, 1, kGraceMilliseconds);
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) _exit(static_cast<int>(ExitCode::kInterrupted));
}

}  // namespace

SignalWatch::SignalWatch(Interrupt& interrupt, int output) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  stop_ = eventfd(0, EFD_CLOEXEC);
  // Without the two, signals keep their default effect, which is to end the process.
  if (signals_ < 0 || stop_ < 0) return;
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::jthread([this, &interrupt, output] { Watch(interrupt, output); });
}

SignalWatch::~SignalWatch() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    // An eventfd takes eight bytes as a whole unless its count overflows.
    while (write(stop_, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    thread_.join();
  }
  if (signals_ >= 0) close(signals_);
  if (stop_ >= 0) close(stop_);
}

void SignalWatch::Watch(Interrupt& interrupt, int output) const {
  // No events are asked for on the output: POLLERR, that its reader is gone, is always told.
  pollfd watched[] = {{stop_, POLLIN, 0}, {signals_, POLLIN, 0}, {output, 0, 0}};
  for (;;) {
    if (poll(watched, std::size(watched), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (watched[0].revents != 0) return;
    if (watched[1].revents != 0) {
      interrupt.Trigger(Interrupt::Cause::kSignal);
      EndUnlessStopped(stop_);
      return;
    }
    if ((watched[2].revents & (POLLERR | POLLHUP)) != 0) {
      interrupt.Trigger(Interrupt::Cause::kOutputClosed);
    }
    // poll() ignores a negative descriptor; one that has ended would be told for ever.
    if (watched[2].revents != 0) watched[2].fd = -1;
  }
}

}  // namespace uprobed::client
