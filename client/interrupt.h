#ifndef UPROBED_CLIENT_INTERRUPT_H_
#define UPROBED_CLIENT_INTERRUPT_H_

#include <mutex>

#include "grpcpp/client_context.h"

namespace uprobed::client {

// Ends the call that is under way from another thread. Thread-safe.
class Interrupt {
 public:
  enum class Cause {
    kNone,
    kSignal,        // the user pressed Ctrl-C, or the process is to end
    kOutputClosed,  // nobody reads the output any more
  };

  // What a call is ended by: one that changes something is not, when only its output is unread.
  enum class EndsOn { kSignal, kSignalOrOutputClosed };

  // Cancels `context` when triggered, or at once where that was before. One at a time. `interrupt`
  // and `context` outlive it.
  class Guard {
   public:
    Guard(Interrupt& interrupt, grpc::ClientContext& context, EndsOn ends_on);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Interrupt& interrupt_;
  };

  // A signal stays the cause.
  void Trigger(Cause cause);
  Cause cause() const;

 private:
  // Cancels the guarded context if the cause asks for it. Needs the lock, or the context could be
  // gone.
  void CancelLocked();

  mutable std::mutex mutex_;
  Cause cause_ = Cause::kNone;
  grpc::ClientContext* context_ = nullptr;
  EndsOn ends_on_ = EndsOn::kSignal;
};

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_INTERRUPT_H_
