#ifndef UPROBED_SERVER_RPC_OPEN_STREAMS_H_
#define UPROBED_SERVER_RPC_OPEN_STREAMS_H_

#include <grpcpp/server_context.h>

#include <chrono>
#include <cstddef>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace uprobed::rpc {

// How long a stream may take to notice that its client has gone.
inline constexpr std::chrono::milliseconds kCancellationCheckInterval{200};

// Bounds the calls that stay open and ends them at shutdown. Each of them occupies a thread of the
// server, so that without a bound they would leave none to short calls.
// Thread-safe. Outlives its tickets.
class OpenStreams {
 public:
  explicit OpenStreams(size_t limit) : limit_(limit) {}

  // Held while the stream is open.
  class Ticket {
   public:
    explicit Ticket(OpenStreams& streams) : streams_(streams) {}
    ~Ticket() { streams_.Leave(); }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

   private:
    OpenStreams& streams_;
  };

  // RESOURCE_EXHAUSTED STREAMS_EXHAUSTED, or UNAVAILABLE SHUTTING_DOWN.
  absl::StatusOr<std::unique_ptr<Ticket>> Enter();

  // Ends every open stream, soon, and refuses new ones.
  void Stop();
  bool stopping() const;
  // Returns early once stopping.
  void WaitForStop(std::chrono::milliseconds timeout) const;
  // Waits until `deadline`. CANCELLED where the client goes before it, SHUTTING_DOWN where the
  // daemon does.
  absl::Status WaitUntil(const grpc::ServerContext& context,
                         std::chrono::steady_clock::time_point deadline) const;
  // The same, of this moment.
  absl::Status Check(const grpc::ServerContext& context) const;

 private:
  void Leave();

  const size_t limit_;
  mutable absl::Mutex mutex_;
  size_t open_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

// What a stream returns whose client has gone; nobody receives it.
absl::Status ClientGone();

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_OPEN_STREAMS_H_
