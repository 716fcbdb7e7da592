#ifndef UPROBED_CLIENT_SIGNAL_WATCH_H_
#define UPROBED_CLIENT_SIGNAL_WATCH_H_

#include <thread>

#include "client/interrupt.h"

namespace uprobed::client {

// Turns SIGINT, SIGTERM and SIGHUP, and the end of whoever reads `output`, into `interrupt`. Blocks
// these signals in the thread that makes it, so it is made before any other thread. A command that
// does not end within a second after the signal (it waits for stdin, say) is ended with code 130.
class SignalWatch {
 public:
  // `interrupt` outlives it; `output` is a file descriptor and is not owned.
  SignalWatch(Interrupt& interrupt, int output);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void Watch(Interrupt& interrupt, int output) const;

  int signals_ = -1;  // signalfd
  int stop_ = -1;     // eventfd
  std::jthread thread_;
};

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_SIGNAL_WATCH_H_
