#include "server/rpc/open_streams.h"

#include <fmt/format.h>

#include <algorithm>

#include "absl/time/time.h"
#include "server/base/errors.h"
#include "server/rpc/status.h"

namespace uprobed::rpc {

absl::Status ClientGone() {
  return MakeError(absl::StatusCode::kCancelled, "CLIENT_GONE", "the client ended the call");
}

absl::StatusOr<std::unique_ptr<OpenStreams::Ticket>> OpenStreams::Enter() {
  const absl::MutexLock lock(&mutex_);
  if (stopping_) return ShuttingDown();
  if (open_ >= limit_) {
    return MakeError(absl::StatusCode::kResourceExhausted, "STREAMS_EXHAUSTED",
                     fmt::format("{} streams are open, no more are allowed: end one first", limit_),
                     {{"limit", std::to_string(limit_)}});
  }
  auto ticket = std::make_unique<Ticket>(*this);
  ++open_;
  return ticket;
}

void OpenStreams::Leave() {
  const absl::MutexLock lock(&mutex_);
  --open_;
}

void OpenStreams::Stop() {
  const absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

bool OpenStreams::stopping() const {
  const absl::MutexLock lock(&mutex_);
  return stopping_;
}

void OpenStreams::WaitForStop(std::chrono::milliseconds timeout) const {
  const absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&stopping_), absl::FromChrono(timeout));
}

absl::Status OpenStreams::Check(const grpc::ServerContext& context) const {
  if (context.IsCancelled()) return ClientGone();
  return stopping() ? ShuttingDown() : absl::OkStatus();
}

absl::Status OpenStreams::WaitUntil(const grpc::ServerContext& context,
                                    std::chrono::steady_clock::time_point deadline) const {
  while (true) {
    RETURN_IF_ERROR(Check(context));
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return absl::OkStatus();
    WaitForStop(std::min(left, kCancellationCheckInterval));
  }
}

}  // namespace uprobed::rpc
