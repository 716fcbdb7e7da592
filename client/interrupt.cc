#include "client/interrupt.h"

namespace uprobed::client {

Interrupt::Guard::Guard(Interrupt& interrupt, grpc::ClientContext& context, EndsOn ends_on)
    : interrupt_(interrupt) {
  const std::lock_guard lock(interrupt_.mutex_);
  interrupt_.context_ = &context;
  interrupt_.ends_on_ = ends_on;
  interrupt_.CancelLocked();
}

Interrupt::Guard::~Guard() {
  const std::lock_guard lock(interrupt_.mutex_);
  interrupt_.context_ = nullptr;
}

void Interrupt::Trigger(Cause cause) {
  const std::lock_guard lock(mutex_);
  // A signal counts even after the reader has gone: the user wants the end now.
  if (cause_ == Cause::kSignal) return;
  cause_ = cause;
  CancelLocked();
}

Interrupt::Cause Interrupt::cause() const {
  const std::lock_guard lock(mutex_);
  return cause_;
}

void Interrupt::CancelLocked() {
  const bool ends = cause_ == Cause::kSignal ||
                    (cause_ == Cause::kOutputClosed && ends_on_ == EndsOn::kSignalOrOutputClosed);
  if (ends && context_ != nullptr) context_->TryCancel();
}

}  // namespace uprobed::client
