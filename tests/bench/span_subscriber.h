#ifndef UPROBED_TESTS_BENCH_SPAN_SUBSCRIBER_H_
#define UPROBED_TESTS_BENCH_SPAN_SUBSCRIBER_H_

#include <grpcpp/client_context.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "tests/bench/daemon_under_test.h"

namespace uprobed::bench {

// Reads every span and counts it, on a thread of its own, until the object goes.
class SpanSubscriber {
 public:
  // Returns when the subscription is in place.
  explicit SpanSubscriber(const DaemonUnderTest& daemon);
  ~SpanSubscriber();
  SpanSubscriber(const SpanSubscriber&) = delete;
  SpanSubscriber& operator=(const SpanSubscriber&) = delete;

  uint64_t spans() const { return spans_; }
  uint64_t dropped() const { return dropped_; }
  // When the first span of a probe came that was expected before; nullopt where none does in time.
  void Expect(const std::string& probe_id);
  std::optional<std::chrono::steady_clock::time_point> AwaitFirst();

 private:
  void Run();
  void LookFor(const v1::StreamSpansResponse& response);

  grpc::ClientContext context_;
  std::unique_ptr<v1::TelemetryService::Stub> stub_;
  std::unique_ptr<grpc::ClientReader<v1::StreamSpansResponse>> reader_;
  std::atomic<uint64_t> spans_ = 0;
  std::atomic<uint64_t> dropped_ = 0;
  absl::Mutex mutex_;
  std::string expected_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::chrono::steady_clock::time_point> came_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_SPAN_SUBSCRIBER_H_
