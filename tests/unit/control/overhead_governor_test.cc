#include "server/control/overhead_governor.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace uprobed::control {
namespace {

constexpr uint64_t kTick = 1'000'000'000;
constexpr double kBudget = 0.01;

// A probe that is hit so often a second as `hits` says of each second, and what a hit costs at each
// level.
class Simulation {
 public:
  using Hits = std::function<double(int second)>;
  using Costs = std::array<double, kThrottleLevels>;
  // As measured of a server: spans cost as much as the traps.
  static constexpr Costs kCosts = {2e-6, 1.2e-6, 1.1e-6, 0};

  explicit Simulation(Hits hits, Costs costs = kCosts)
      : hits_(std::move(hits)), costs_(costs), governor_(kBudget) {}

  // The levels at the end of each of the next seconds.
  std::vector<ThrottleLevel> Run(int seconds) {
    std::vector<ThrottleLevel> levels;
    for (int i = 0; i < seconds; ++i) {
      const double hits = hits_(second_++);
      const bool attached = governor_.level() != ThrottleLevel::kSuspended;
      const double ratio = attached ? hits * costs_[static_cast<size_t>(governor_.level())] : 0;
      spent_ += ratio;
      std::optional<OverheadLoad> load;
      if (attached) load = OverheadLoad{.hits_per_second = hits, .ratio = ratio};
      now_ns_ += kTick;
      if (governor_.Advance(now_ns_, load)) ++changes_;
      levels.push_back(governor_.level());
    }
    return levels;
  }

  ThrottleLevel level() const { return governor_.level(); }
  int changes() const { return changes_; }
  // Of one CPU, on average so far.
  double spent_ratio() const { return spent_ / second_; }

 private:
  Hits hits_;
  Costs costs_;
  OverheadGovernor governor_;
  uint64_t now_ns_ = 5 * kTick;
  int second_ = 0;
  int changes_ = 0;
  double spent_ = 0;
};

Simulation::Hits Always(double hits) {
  return [hits](int /*second*/) { return hits; };
}

TEST(OverheadGovernor, LeavesAProbeAloneThatKeepsItsBudget) {
  Simulation quiet(Always(kBudget / Simulation::kCosts[0]));  // just so
  quiet.Run(1000);
  EXPECT_EQ(quiet.changes(), 0);

  Simulation idle(Always(0));
  idle.Run(1000);
  EXPECT_EQ(idle.changes(), 0);
}

TEST(OverheadGovernor, SuspendsWithinFiveSecondsOfFullLoad) {
  Simulation busy(Always(100'000));

  EXPECT_EQ(busy.Run(4),
            (std::vector<ThrottleLevel>{ThrottleLevel::kSampled, ThrottleLevel::kMetricsOnly,
                                        ThrottleLevel::kSuspended, ThrottleLevel::kSuspended}));
}

TEST(OverheadGovernor, StaysAtTheFirstLevelThatKeepsTheBudget) {
  // 1.4 % with all spans, 0.84 % with a tenth of them.
  Simulation busy(Always(7000));
  busy.Run(3600);

  EXPECT_EQ(busy.level(), ThrottleLevel::kSampled);
  // What did not fit was measured, and is not tried again.
  EXPECT_EQ(busy.changes(), 1);
}

TEST(OverheadGovernor, IsAtFullAgainAfterTheLoad) {
  Simulation burst([](int second) { return second < 15 ? 100'000.0 : 10.0; });
  burst.Run(15);
  EXPECT_EQ(burst.level(), ThrottleLevel::kSuspended);

  burst.Run(45);
  EXPECT_EQ(burst.level(), ThrottleLevel::kNone);

  burst.Run(3600);
  EXPECT_EQ(burst.level(), ThrottleLevel::kNone);
}

TEST(OverheadGovernor, TriesASuspendedProbeLessAndLessOften) {
  Simulation busy(Always(100'000));
  const std::vector<ThrottleLevel> levels = busy.Run(3600);

  std::vector<size_t> trials;
  for (size_t i = 3; i < levels.size(); ++i) {
    if (levels[i] == ThrottleLevel::kMetricsOnly) trials.push_back(i);
  }
  // Not doubled without end, else a probe would not come back for days.
  ASSERT_GT(trials.size(), 10U);
  for (size_t i = 2; i < trials.size(); ++i) {
    const size_t gap = trials[i] - trials[i - 1];
    EXPECT_GE(gap, trials[i - 1] - trials[i - 2]);
    EXPECT_LE(gap, OverheadGovernor::kLongestNs / kTick + 1);
  }
  // Trials keep the budget, too.
  EXPECT_LT(busy.spent_ratio(), kBudget);
}

TEST(OverheadGovernor, MakesGoodWhatATrialHasCost) {
  // A single-stepped site under full load: 150 % of one CPU.
  Simulation dear(Always(100'000), {1.5e-5, 1.5e-5, 1.5e-5, 0});
  dear.Run(3);
  ASSERT_EQ(dear.level(), ThrottleLevel::kSuspended);

  const std::vector<ThrottleLevel> levels = dear.Run(150);

  for (size_t i = 0; i + 1 < levels.size(); ++i) EXPECT_EQ(levels[i], ThrottleLevel::kSuspended);
  EXPECT_EQ(levels.back(), ThrottleLevel::kMetricsOnly);
}

TEST(OverheadGovernor, DoesNotSwingWithALoadThatDoes) {
  // 3 s of full load in each 20, for a day.
  Simulation waves([](int second) { return second % 20 < 3 ? 100'000.0 : 0.0; });
  waves.Run(86'400);

  // Each swing to suspension and back is six changes. With a wait that never grew there would be
  // 4320 of them.
  EXPECT_LT(waves.changes(), 6 * 1000);
}

TEST(OverheadGovernor, IsAtRestUnderAnySteadyLoad) {
  std::mt19937_64 random(20'261);
  for (int round = 0; round < 200; ++round) {
    const double hits = std::exp(std::uniform_real_distribution(2.0, 13.0)(random));
    Simulation steady([&random, hits](int /*second*/) {
      return hits * std::uniform_real_distribution(0.95, 1.05)(random);
    });
    steady.Run(600);
    const int before = steady.changes();
    const double at_full = hits * Simulation::kCosts[0];

    steady.Run(3000);

    // But for trials, of which there are two changes each at most every 300 s once they are rare.
    EXPECT_LE(steady.changes() - before, 24) << hits;
    if (at_full * 1.05 < kBudget) {
      EXPECT_EQ(before, 0) << hits;
    }
    EXPECT_LT(steady.spent_ratio(), kBudget * 1.06) << hits;
  }
}

TEST(OverheadGovernor, DoesNothingWithoutAMeasurement) {
  OverheadGovernor governor(kBudget);
  const OverheadLoad over{.hits_per_second = 1e5, .ratio = 0.2};
  EXPECT_TRUE(governor.Advance(kTick, over));

  EXPECT_FALSE(governor.Advance(100 * kTick, std::nullopt));
  EXPECT_EQ(governor.level(), ThrottleLevel::kSampled);
}

}  // namespace
}  // namespace uprobed::control
