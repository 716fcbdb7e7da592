#ifndef UPROBED_SERVER_STREAM_SPAN_DEMAND_H_
#define UPROBED_SERVER_STREAM_SPAN_DEMAND_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace uprobed::stream {

// Whether anybody wants spans, or what is made of them: those who do hold a claim. The first claim
// and the end of the last one are told, so that nothing need be made for nobody. Thread-safe.
// Outlives its claims.
class SpanDemand {
 public:
  // `on_change` is called with whether spans are wanted from now on, in whatever thread makes the
  // first claim or lets go of the last one, with a lock held, so that of two changes the later one
  // is told last. May only take a note.
  explicit SpanDemand(std::function<void(bool wanted)> on_change)
      : on_change_(std::move(on_change)) {}

  // Ends when it is destroyed, however its holder goes.
  class Claim {
   public:
    explicit Claim(SpanDemand& demand) : demand_(demand) {}
    ~Claim() { demand_.Leave(); }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    SpanDemand& demand_;
  };

  // Once it returns, it has been told that spans are wanted.
  std::unique_ptr<Claim> Enter();

 private:
  void Leave();

  const std::function<void(bool wanted)> on_change_;
  absl::Mutex mutex_;
  size_t claims_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace uprobed::stream

#endif  // UPROBED_SERVER_STREAM_SPAN_DEMAND_H_
