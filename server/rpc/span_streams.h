#ifndef UPROBED_SERVER_RPC_SPAN_STREAMS_H_
#define UPROBED_SERVER_RPC_SPAN_STREAMS_H_

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/span_stream.h"

namespace uprobed::rpc {

// The open calls of StreamSpans, and the one thread that sets them going when there are spans: the
// thread that publishes spans only signals to it, and sends nothing itself. Thread-safe.
class SpanStreams {
 public:
  SpanStreams();
  ~SpanStreams();
  SpanStreams(const SpanStreams&) = delete;
  SpanStreams& operator=(const SpanStreams&) = delete;

  // Starts the stream and keeps it until it is done.
  void Add(const std::shared_ptr<SpanStream>& stream);
  // There may be something to send. Never waits for anything.
  void Signal();
  // Ends all streams; those added later end at once.
  void Stop();

 private:
  void Run();
  void Remove(const SpanStream* stream);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return signalled_ || joining_; }

  absl::Mutex mutex_;
  std::vector<std::shared_ptr<SpanStream>> streams_ ABSL_GUARDED_BY(mutex_);
  bool signalled_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool joining_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_SPAN_STREAMS_H_
