#ifndef UPROBED_SERVER_RPC_SPAN_STREAM_H_
#define UPROBED_SERVER_RPC_SPAN_STREAM_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/open_streams.h"
#include "server/stream/span_demand.h"
#include "server/stream/subscription.h"

namespace uprobed::rpc {

// One call of StreamSpans: sends what its subscription has, as bytes that are shared with all other
// subscribers, one response at a time, and occupies no thread while it waits. Owns itself from
// Start() until gRPC is done with it. Thread-safe.
class SpanStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                         public std::enable_shared_from_this<SpanStream> {
 public:
  // `limit`: spans after which the stream ends; 0: never.
  SpanStream(std::shared_ptr<stream::Subscription> subscription,
             std::unique_ptr<OpenStreams::Ticket> ticket,
             std::unique_ptr<stream::SpanDemand::Claim> claim, int64_t limit)
      : subscription_(std::move(subscription)),
        ticket_(std::move(ticket)),
        claim_(std::move(claim)),
        limit_(limit) {}

  // `on_done` is called in whatever thread when the stream will call nothing any more.
  void Start(std::function<void()> on_done);
  // Sends what there is, unless a response is under way, which is followed by the next.
  void Pump();
  // Ends the stream with UNAVAILABLE SHUTTING_DOWN, after the response that is under way.
  void End();

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  enum class State : uint8_t { kIdle, kBusy, kFinished };

  // Of the one that made the stream busy.
  void Next();
  void FinishWith(const grpc::Status& status);
  // gRPC calls one after the other, in threads that change: what one has written the next may read.
  // It says so by means that a race detector does not see, where gRPC is not built for it.
  void HandOver() const;
  // Whether nothing has happened since that Next() has not looked at.
  bool BecomeIdle();
  grpc::Status EndStatus() const;

  const std::shared_ptr<stream::Subscription> subscription_;
  const std::unique_ptr<OpenStreams::Ticket> ticket_;
  const std::unique_ptr<stream::SpanDemand::Claim> claim_;
  const int64_t limit_;
  std::function<void()> on_done_;
  std::shared_ptr<SpanStream> self_;

  // Used by the one that made the stream busy.
  stream::Subscription::Batch batch_;
  grpc::ByteBuffer response_;
  int64_t sent_ = 0;

  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kBusy;
  bool pumped_ ABSL_GUARDED_BY(mutex_) = false;  // while busy
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_SPAN_STREAM_H_
