#include "server/rpc/span_streams.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace uprobed::rpc {
namespace {

// A response costs some 50 us whatever is in it: many streams are set going more rarely, so that 50
// of them take a twentieth of a CPU for that, and no more until there are more than that. The
// longest pause leaves half of the 100 ms that a span may take to whoever gathers spans before.
constexpr std::chrono::milliseconds kPauseOfEach(1);
constexpr std::chrono::milliseconds kMaxPause(50);

std::chrono::milliseconds PauseOf(size_t streams) {
  return std::min(kMaxPause, static_cast<int64_t>(streams) * kPauseOfEach);
}

}  // namespace

SpanStreams::SpanStreams() : thread_([this] { Run(); }) {}

SpanStreams::~SpanStreams() {
  Stop();
  const absl::MutexLock lock(&mutex_);
  joining_ = true;
}

void SpanStreams::Add(const std::shared_ptr<SpanStream>& stream) {
  bool stopped = false;
  {
    const absl::MutexLock lock(&mutex_);
    streams_.push_back(stream);
    stopped = stopped_;
  }
  stream->Start([this, stream = stream.get()] { Remove(stream); });
  if (stopped) stream->End();
}

void SpanStreams::Remove(const SpanStream* stream) {
  const absl::MutexLock lock(&mutex_);
  std::erase_if(streams_, [stream](const auto& each) { return each.get() == stream; });
}

void SpanStreams::Signal() {
  const absl::MutexLock lock(&mutex_);
  signalled_ = true;
}

void SpanStreams::Stop() {
  std::vector<std::shared_ptr<SpanStream>> streams;
  {
    const absl::MutexLock lock(&mutex_);
    stopped_ = true;
    streams = streams_;
  }
  for (const std::shared_ptr<SpanStream>& stream : streams) stream->End();
}

void SpanStreams::Run() {
  pthread_setname_np(pthread_self(), "span-streams");
  std::vector<std::shared_ptr<SpanStream>> streams;
  std::chrono::steady_clock::time_point rested{};
  while (true) {
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &SpanStreams::HasWork));
      const auto rest = rested - std::chrono::steady_clock::now();
      mutex_.AwaitWithTimeout(absl::Condition(&joining_), absl::FromChrono(rest));
      if (joining_) return;
      signalled_ = false;
      streams = streams_;
    }
    rested = std::chrono::steady_clock::now() + PauseOf(streams.size());
    for (const std::shared_ptr<SpanStream>& stream : streams) stream->Pump();
    streams.clear();
  }
}

}  // namespace uprobed::rpc
