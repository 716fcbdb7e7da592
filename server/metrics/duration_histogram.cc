#include "server/metrics/duration_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "server/metrics/duration_bounds.h"

namespace uprobed::metrics {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr std::array<uint64_t, UP_DURATION_CELL_BOUND_COUNT> kCellBounds =
    UP_DURATION_CELL_BOUNDS_NS;

constexpr double SecondsOf(double ns) { return ns / static_cast<double>(kSecondNs); }

constexpr bool IsExplicitBound(uint64_t ns) {
  return std::find(kDurationBounds.begin(), kDurationBounds.end(),
                   SecondsOf(static_cast<double>(ns))) != kDurationBounds.end();
}

// Explicit bounds are exponential ones, too, where they are a power of two: 1/4, 1/2 and 1 s.
constexpr bool IsExponentialBound(uint64_t ns) {
  return !IsExplicitBound(ns) || (kSecondNs % ns == 0 && std::has_single_bit(kSecondNs / ns));
}

// By cell, how many of the bounds that are `wanted` are below what it holds: the bucket it is in.
using CellBuckets = std::array<size_t, UP_DURATION_CELLS>;
constexpr CellBuckets BucketsOfCells(bool (*wanted)(uint64_t ns)) {
  CellBuckets buckets{};
  for (size_t cell = 1; cell < UP_DURATION_CELLS; ++cell) {
    buckets[cell] = buckets[cell - 1] + (wanted(kCellBounds[cell - 1]) ? 1 : 0);
  }
  return buckets;
}
constexpr CellBuckets kExplicitBuckets = BucketsOfCells(IsExplicitBound);
static_assert(kExplicitBuckets.back() == kDurationBounds.size());
// The first is the zero bucket, and the last what is above all buckets.
constexpr CellBuckets kExponentialBuckets = BucketsOfCells(IsExponentialBound);
static_assert(kExponentialBuckets.back() == UP_EXPONENTIAL_BUCKETS + 1);

}  // namespace

void DurationHistogram::Observe(int64_t ns) {
  ++cells_[up_duration_cell(static_cast<uint64_t>(ns))];
  ++count_;
  sum_seconds_ += SecondsOf(static_cast<double>(ns));
}

void DurationHistogram::Add(const up_duration_histogram& requests) {
  for (size_t cell = 0; cell < cells_.size(); ++cell) {
    cells_[cell] += requests.counts[cell];
    count_ += requests.counts[cell];
  }
  sum_seconds_ += SecondsOf(static_cast<double>(requests.sum_ns));
}

prometheus::ClientMetric::Histogram DurationHistogram::Collect() const {
  std::array<uint64_t, kDurationBounds.size() + 1> counts{};
  for (size_t cell = 0; cell < cells_.size(); ++cell) {
    counts[kExplicitBuckets[cell]] += cells_[cell];
  }
  prometheus::ClientMetric::Histogram histogram;
  histogram.sample_count = count_;
  histogram.sample_sum = sum_seconds_;
  histogram.bucket.reserve(counts.size());
  uint64_t cumulative = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    cumulative += counts[i];
    histogram.bucket.push_back({.cumulative_count = cumulative,
                                .upper_bound = i == kDurationBounds.size()
                                                   ? std::numeric_limits<double>::infinity()
                                                   : kDurationBounds[i]});
  }
  return histogram;
}

ExponentialHistogram DurationHistogram::CollectExponential() const {
  std::array<uint64_t, UP_EXPONENTIAL_BUCKETS + 1> counts{};
  for (size_t cell = 0; cell < cells_.size(); ++cell) {
    counts[std::min<size_t>(kExponentialBuckets[cell], UP_EXPONENTIAL_BUCKETS)] += cells_[cell];
  }
  ExponentialHistogram histogram;
  histogram.scale = UP_EXPONENTIAL_SCALE;
  histogram.sum = sum_seconds_;
  histogram.count = count_;
  histogram.zero_count = counts[0];
  histogram.zero_threshold =
      std::exp2(std::ldexp(double{UP_EXPONENTIAL_FIRST_BUCKET}, -UP_EXPONENTIAL_SCALE));
  const std::span<const uint64_t> buckets = std::span(counts).subspan(1);
  const auto used = [](uint64_t count) { return count != 0; };
  const auto first = std::find_if(buckets.begin(), buckets.end(), used);
  if (first == buckets.end()) return histogram;
  histogram.offset = UP_EXPONENTIAL_FIRST_BUCKET + static_cast<int32_t>(first - buckets.begin());
  const auto end = std::find_if(buckets.rbegin(), buckets.rend(), used).base();
  histogram.bucket_counts.assign(first, end);
  return histogram;
}

}  // namespace uprobed::metrics
