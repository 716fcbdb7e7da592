#include "server/metrics/duration_histogram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/metrics/duration_bounds.h"
#include "server/metrics/histogram.h"

namespace uprobed::metrics {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::array<uint64_t, UP_DURATION_CELL_BOUND_COUNT> kCellBounds =
    UP_DURATION_CELL_BOUNDS_NS;

// Each bound, and what is next to it on both sides.
std::vector<int64_t> DurationsAroundBounds() {
  std::vector<int64_t> durations = {0, 1, int64_t{1} << 61};
  for (const uint64_t bound : kCellBounds) {
    for (const int64_t distance : {-1, 0, 1}) {
      durations.push_back(static_cast<int64_t>(bound) + distance);
    }
  }
  return durations;
}

ExponentialHistogram OfOne(int64_t ns) {
  DurationHistogram histogram;
  histogram.Observe(ns);
  return histogram.CollectExponential();
}

TEST(DurationCell, IsThatOfTheFirstBoundThatIsNotBelow) {
  ASSERT_TRUE(std::is_sorted(kCellBounds.begin(), kCellBounds.end()));
  for (const int64_t ns : DurationsAroundBounds()) {
    const auto value = static_cast<uint64_t>(ns);
    const auto* const bound = std::lower_bound(kCellBounds.begin(), kCellBounds.end(), value);
    EXPECT_EQ(up_duration_cell(value), static_cast<uint64_t>(bound - kCellBounds.begin())) << ns;
  }
}

// 2^(index/4) seconds in whole nanoseconds, rounded down. What is computed is wrong by less than
// two units of its last place, and so far from a whole number that it is rounded as the exact one.
int64_t BoundOf(int index) {
  if (index % 4 == 0) return static_cast<int64_t>(std::ldexp(1e9L, index / 4));
  const long double computed = std::exp2(static_cast<long double>(index) / 4) * 1e9L;
  const long double error = 2 * computed * std::numeric_limits<long double>::epsilon();
  EXPECT_GT(computed - std::floor(computed), error) << index;
  EXPECT_GT(std::ceil(computed) - computed, error) << index;
  return static_cast<int64_t>(computed);
}

TEST(DurationHistogram, HasExponentialBucketsWithTheirExactUpperBounds) {
  constexpr int kEnd = UP_EXPONENTIAL_FIRST_BUCKET + UP_EXPONENTIAL_BUCKETS;
  for (int index = UP_EXPONENTIAL_FIRST_BUCKET; index < kEnd; ++index) {
    for (const int64_t ns : {BoundOf(index) + 1, BoundOf(index + 1)}) {
      const ExponentialHistogram histogram = OfOne(ns);
      EXPECT_EQ(histogram.offset, index) << ns;
      EXPECT_THAT(histogram.bucket_counts, ElementsAre(1)) << ns;
      EXPECT_EQ(histogram.zero_count, 0U) << ns;
    }
  }
}

TEST(DurationHistogram, CountsWhatIsBelowAllBucketsAsZero) {
  for (const int64_t ns : {int64_t{0}, BoundOf(UP_EXPONENTIAL_FIRST_BUCKET)}) {
    const ExponentialHistogram histogram = OfOne(ns);
    EXPECT_EQ(histogram.zero_count, 1U) << ns;
    EXPECT_THAT(histogram.bucket_counts, IsEmpty()) << ns;
    EXPECT_LE(static_cast<double>(ns) / 1e9, histogram.zero_threshold);
  }
  EXPECT_EQ(OfOne(0).zero_threshold, std::ldexp(1.0, -22));
}

TEST(DurationHistogram, CountsWhatIsAboveAllBucketsInTheLast) {
  constexpr int kEnd = UP_EXPONENTIAL_FIRST_BUCKET + UP_EXPONENTIAL_BUCKETS;
  for (const int64_t ns : {BoundOf(kEnd) + 1, int64_t{1} << 61}) {
    EXPECT_EQ(OfOne(ns).offset, kEnd - 1) << ns;
    EXPECT_THAT(OfOne(ns).bucket_counts, ElementsAre(1)) << ns;
  }
}

TEST(DurationHistogram, IsTrimmedToTheBucketsInUse) {
  DurationHistogram histogram;
  for (const int64_t ns : {1'000'000'000, 700'000'000, 1'000'000'000, 200}) histogram.Observe(ns);

  const ExponentialHistogram collected = histogram.CollectExponential();

  EXPECT_EQ(collected.scale, 2);
  EXPECT_EQ(collected.count, 4U);
  EXPECT_DOUBLE_EQ(collected.sum, 2.7000002);
  EXPECT_EQ(collected.zero_count, 1U);
  EXPECT_EQ(collected.offset, -3);  // 2^(-3/4) s is 595 ms
  EXPECT_THAT(collected.bucket_counts, ElementsAre(1, 0, 2));
}

TEST(DurationHistogram, StartsEmpty) {
  const DurationHistogram histogram;

  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.Collect().bucket.back().cumulative_count, 0U);
  EXPECT_THAT(histogram.CollectExponential().bucket_counts, IsEmpty());
}

TEST(DurationHistogram, HasTheExplicitBucketsOfAHistogramOfSeconds) {
  DurationHistogram durations;
  Histogram seconds(kDurationBounds);
  for (const int64_t ns : DurationsAroundBounds()) {
    durations.Observe(ns);
    seconds.Observe(static_cast<double>(ns) / 1e9);
  }

  const auto collected = durations.Collect();
  const auto expected = seconds.Collect();

  EXPECT_EQ(collected.sample_count, expected.sample_count);
  EXPECT_EQ(collected.sample_sum, expected.sample_sum);
  ASSERT_EQ(collected.bucket.size(), expected.bucket.size());
  for (size_t i = 0; i < expected.bucket.size(); ++i) {
    EXPECT_EQ(collected.bucket[i].upper_bound, expected.bucket[i].upper_bound);
    EXPECT_EQ(collected.bucket[i].cumulative_count, expected.bucket[i].cumulative_count) << i;
  }
}

TEST(DurationHistogram, AddsWhatTheKernelHasCountedAsIfItHadSeenIt) {
  DurationHistogram observed;
  DurationHistogram added;
  up_duration_histogram requests{};
  for (const int64_t ns : DurationsAroundBounds()) {
    observed.Observe(ns);
    ++requests.counts[up_duration_cell(static_cast<uint64_t>(ns))];
    requests.sum_ns += static_cast<uint64_t>(ns);
  }
  added.Add(requests);

  const ExponentialHistogram expected = observed.CollectExponential();
  const ExponentialHistogram collected = added.CollectExponential();

  EXPECT_EQ(collected.count, expected.count);
  EXPECT_EQ(collected.zero_count, expected.zero_count);
  EXPECT_EQ(collected.offset, expected.offset);
  EXPECT_EQ(collected.bucket_counts, expected.bucket_counts);
  EXPECT_DOUBLE_EQ(collected.sum, expected.sum);
  EXPECT_EQ(added.Collect().sample_count, expected.count);
}

}  // namespace
}  // namespace uprobed::metrics
