#include "tests/bench/span_subscriber.h"

#include "absl/time/time.h"

namespace uprobed::bench {
namespace {

constexpr absl::Duration kSpanTimeout = absl::Seconds(10);

}  // namespace

SpanSubscriber::SpanSubscriber(const DaemonUnderTest& daemon)
    : stub_(v1::TelemetryService::NewStub(daemon.channel())),
      reader_(stub_->StreamSpans(&context_, {})) {
  v1::StreamSpansResponse started;
  reader_->Read(&started);
  thread_ = std::jthread([this] { Run(); });
}

SpanSubscriber::~SpanSubscriber() {
  context_.TryCancel();
  thread_.join();
  reader_->Finish();
}

void SpanSubscriber::Expect(const std::string& probe_id) {
  const absl::MutexLock lock(&mutex_);
  expected_ = "probes/" + probe_id;
  came_.reset();
}

std::optional<std::chrono::steady_clock::time_point> SpanSubscriber::AwaitFirst() {
  const absl::MutexLock lock(&mutex_);
  const auto has_come = [this]()
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return came_.has_value(); };
  mutex_.AwaitWithTimeout(absl::Condition(&has_come), kSpanTimeout);
  return came_;
}

void SpanSubscriber::Run() {
  for (v1::StreamSpansResponse response; reader_->Read(&response);) {
    spans_ += static_cast<uint64_t>(response.spans_size());
    dropped_ = response.dropped_total();
    LookFor(response);
  }
}

void SpanSubscriber::LookFor(const v1::StreamSpansResponse& response) {
  const auto now = std::chrono::steady_clock::now();
  const absl::MutexLock lock(&mutex_);
  if (came_.has_value() || expected_.empty()) return;
  for (const v1::Span& span : response.spans()) {
    if (span.probe() != expected_) continue;
    came_ = now;
    return;
  }
}

}  // namespace uprobed::bench
