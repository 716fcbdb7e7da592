#include "server/stream/span_demand.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace uprobed::stream {
namespace {

TEST(SpanDemand, TellsTheFirstClaimAndTheEndOfTheLastOne) {
  std::vector<bool> told;
  SpanDemand demand([&told](bool wanted) { told.push_back(wanted); });
  EXPECT_TRUE(told.empty());

  std::unique_ptr<SpanDemand::Claim> first = demand.Enter();
  EXPECT_EQ(told, (std::vector<bool>{true}));
  std::unique_ptr<SpanDemand::Claim> second = demand.Enter();
  first.reset();
  EXPECT_EQ(told, (std::vector<bool>{true}));
  second.reset();
  EXPECT_EQ(told, (std::vector<bool>{true, false}));

  const std::unique_ptr<SpanDemand::Claim> again = demand.Enter();
  EXPECT_EQ(told, (std::vector<bool>{true, false, true}));
}

// Whoever has a claim finds that spans are wanted, however others come and go.
TEST(SpanDemand, IsToldInTheOrderOfItsChanges) {
  constexpr int kThreads = 8;
  constexpr int kTurns = 20'000;
  std::atomic<bool> wanted = false;
  std::atomic<int> changes = 0;
  std::atomic<int> unwanted = 0;
  SpanDemand demand([&](bool now) {
    if (wanted.exchange(now) != now) ++changes;
  });

  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int turn = 0; turn < kTurns; ++turn) {
          const std::unique_ptr<SpanDemand::Claim> claim = demand.Enter();
          if (!wanted) ++unwanted;
        }
      });
    }
  }

  EXPECT_EQ(unwanted, 0);
  EXPECT_FALSE(wanted);
  EXPECT_EQ(changes % 2, 0);
}

}  // namespace
}  // namespace uprobed::stream
