#include "server/rpc/span_stream.h"

#include <grpcpp/support/slice.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "server/rpc/status.h"
#include "server/rpc/wire_writer.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::rpc {
namespace {

using v1::StreamSpansResponse;

// So much that what a response costs whatever is in it weighs little, and half of the 4 MiB that
// gRPC's clients take by default.
constexpr size_t kMaxResponseBytes = 2 << 20;

// The bytes themselves, which stay where they are until gRPC has sent them.
grpc::Slice Share(const stream::SpanSlice& spans) {
  using Batch = std::shared_ptr<const stream::SpanBatch>;
  const std::string_view bytes = spans.bytes();
  auto owner = std::make_unique<Batch>(spans.batch);
  // gRPC takes what it will not write to by a pointer that may.
  return {const_cast<char*>(bytes.data()), bytes.size(),
          [](void* released) { std::unique_ptr<Batch>(static_cast<Batch*>(released)).reset(); },
          owner.release()};
}

grpc::ByteBuffer MakeResponse(const stream::Subscription::Batch& batch) {
  std::vector<grpc::Slice> slices;
  slices.reserve(batch.slices.size() + 1);
  for (const stream::SpanSlice& spans : batch.slices) slices.push_back(Share(spans));
  std::string totals;
  WireWriter wire(totals);
  wire.Varint(StreamSpansResponse::kDroppedTotalFieldNumber, batch.counts.dropped);
  wire.Varint(StreamSpansResponse::kOfferedTotalFieldNumber, batch.counts.offered);
  wire.Varint(StreamSpansResponse::kDeliveredTotalFieldNumber, batch.counts.delivered);
  wire.Varint(StreamSpansResponse::kQueuedFieldNumber, batch.counts.queued);
  slices.emplace_back(totals);
  return {slices.data(), slices.size()};
}

}  // namespace

void SpanStream::Start(std::function<void()> on_done) {
  on_done_ = std::move(on_done);
  self_ = shared_from_this();
  StreamSpansResponse first;
  first.set_started(true);
  const grpc::Slice bytes(first.SerializeAsString());
  response_ = grpc::ByteBuffer(&bytes, 1);
  HandOver();
  StartWrite(&response_);
}

void SpanStream::HandOver() const { const absl::MutexLock lock(&mutex_); }

void SpanStream::Pump() {
  {
    const absl::MutexLock lock(&mutex_);
    if (state_ == State::kBusy) pumped_ = true;
    if (state_ != State::kIdle) return;
    state_ = State::kBusy;
  }
  Next();
}

void SpanStream::End() {
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  Pump();
}

void SpanStream::OnCancel() {
  {
    const absl::MutexLock lock(&mutex_);
    cancelled_ = true;
  }
  Pump();
}

void SpanStream::OnWriteDone(bool ok) {
  HandOver();
  if (!ok) {
    FinishWith(ToGrpcStatus(ClientGone()));
    return;
  }
  Next();
}

void SpanStream::Next() {
  do {
    if (const grpc::Status status = EndStatus(); !status.ok()) {
      FinishWith(status);
      return;
    }
    if (limit_ > 0 && sent_ >= limit_) {
      FinishWith(grpc::Status::OK);
      return;
    }
    stream::Subscription::Bounds bounds{.bytes = kMaxResponseBytes};
    if (limit_ > 0) bounds.spans = static_cast<size_t>(limit_ - sent_);
    subscription_->Take(bounds, batch_);
    if (batch_.closed && batch_.spans == 0) {
      FinishWith(ToGrpcStatus(ShuttingDown()));
      return;
    }
    if (batch_.has_news) {
      sent_ += static_cast<int64_t>(batch_.spans);
      response_ = MakeResponse(batch_);
      HandOver();
      StartWrite(&response_);
      return;
    }
  } while (!BecomeIdle());
}

bool SpanStream::BecomeIdle() {
  const absl::MutexLock lock(&mutex_);
  if (std::exchange(pumped_, false)) return false;
  state_ = State::kIdle;
  return true;
}

grpc::Status SpanStream::EndStatus() const {
  const absl::MutexLock lock(&mutex_);
  if (cancelled_) return ToGrpcStatus(ClientGone());
  return ending_ ? ToGrpcStatus(ShuttingDown()) : grpc::Status::OK;
}

void SpanStream::FinishWith(const grpc::Status& status) {
  {
    const absl::MutexLock lock(&mutex_);
    if (state_ == State::kFinished) return;
    state_ = State::kFinished;
  }
  Finish(status);
}

void SpanStream::OnDone() {
  HandOver();
  const std::shared_ptr<SpanStream> self = std::move(self_);
  on_done_();
}

}  // namespace uprobed::rpc
