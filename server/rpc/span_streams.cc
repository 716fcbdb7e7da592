#include "server/rpc/span_streams.h"

#include <pthread.h>

#include <algorithm>

namespace uprobed::rpc {

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
  while (true) {
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &SpanStreams::HasWork));
      if (joining_) return;
      signalled_ = false;
      streams = streams_;
    }
    for (const std::shared_ptr<SpanStream>& stream : streams) stream->Pump();
    streams.clear();
  }
}

}  // namespace uprobed::rpc
