#include <gtest/gtest.h>

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace uprobed {
namespace {

struct Guarded {
  absl::Mutex mutex;
  int number ABSL_GUARDED_BY(mutex) = 0;
};

// Under ThreadSanitizer these fail where it does not know the mutex.
TEST(Mutex, GuardsANumber) {
  constexpr int kRounds = 1000;
  Guarded guarded;
  const auto count = [&guarded] {
    for (int round = 0; round < kRounds; ++round) {
      const absl::MutexLock lock(&guarded.mutex);
      ++guarded.number;
    }
  };

  {
    const std::jthread first(count);
    const std::jthread second(count);
  }

  const absl::ReaderMutexLock lock(&guarded.mutex);
  EXPECT_EQ(guarded.number, 2 * kRounds);
}

TEST(Mutex, GuardsTheConditionOfAWaitingThread) {
  constexpr int kRounds = 1000;
  Guarded guarded;
  // Two threads take turns: each waits for its own parity.
  const auto play = [&guarded](int parity) {
    struct Turn {
      const int* number;
      int parity;
    } turn{&guarded.number, parity};
    const auto is_mine = +[](Turn* mine) { return *mine->number % 2 == mine->parity; };
    for (int round = 0; round < kRounds; ++round) {
      const absl::MutexLock lock(&guarded.mutex);
      guarded.mutex.AwaitWithTimeout(absl::Condition(is_mine, &turn), absl::InfiniteDuration());
      ++guarded.number;
    }
  };

  {
    const std::jthread even([&play] { play(0); });
    const std::jthread odd([&play] { play(1); });
  }

  const absl::MutexLock lock(&guarded.mutex);
  EXPECT_EQ(guarded.number, 2 * kRounds);
}

}  // namespace
}  // namespace uprobed
