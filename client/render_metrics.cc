#include "client/render_metrics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "client/format.h"
#include "client/table.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace uprobed::client {
namespace {

using Metric = v1::MetricFamily::Metric;
using Histogram = v1::MetricFamily::Histogram;

// Beyond a day it is a point in time or a sum, not a latency.
constexpr double kLongestSeconds = 86'400;

bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

std::string LabelsOf(const Metric& metric) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : metric.labels())
    parts.push_back(fmt::format("{}={}", key, value));
  // A protobuf map has no order.
  std::sort(parts.begin(), parts.end());
  return fmt::format("{}", fmt::join(parts, " "));
}

// In the unit that the family's name ends in, as OpenTelemetry and Prometheus name metrics.
std::string InUnit(const std::string& family, double value) {
  if (EndsWith(family, "_seconds") && std::abs(value) < kLongestSeconds) {
    return FormatDuration(std::chrono::nanoseconds(std::llround(value * 1e9)));
  }
  return fmt::format("{:.6g}", value);
}

std::string HistogramText(const std::string& family, const Histogram& histogram) {
  std::string text = fmt::format("count={}", histogram.count());
  if (histogram.count() == 0) return text;
  const double mean = histogram.sum() / static_cast<double>(histogram.count());
  text += " mean=" + InUnit(family, mean);
  for (const int percent : {50, 95, 99}) {
    const std::optional<QuantileBound> quantile = BoundQuantile(histogram, percent / 100.0);
    if (!quantile) continue;
    text += fmt::format(" p{}{}{}", percent,
                        quantile->above ? ">" : "<=", InUnit(family, quantile->bound));
  }
  return text;
}

std::string ValueOf(const v1::MetricFamily& family, const Metric& metric) {
  if (family.type() == v1::MetricFamily::TYPE_HISTOGRAM) {
    return HistogramText(family.name(), metric.histogram());
  }
  // A counter counts one by one: every digit matters.
  if (metric.value() == std::floor(metric.value()) && std::abs(metric.value()) < 1e15) {
    return fmt::format("{:.0f}", metric.value());
  }
  return fmt::format("{:.6g}", metric.value());
}

}  // namespace

std::optional<QuantileBound> BoundQuantile(const Histogram& histogram, double quantile) {
  const int buckets = histogram.upper_bounds_size();
  if (histogram.count() == 0 || histogram.cumulative_counts_size() != buckets) return std::nullopt;
  const double rank = quantile * static_cast<double>(histogram.count());
  for (int i = 0; i < buckets; ++i) {
    if (static_cast<double>(histogram.cumulative_counts(i)) < rank) continue;
    if (!std::isinf(histogram.upper_bounds(i))) return QuantileBound{histogram.upper_bounds(i)};
    // With no finite bucket there is nothing to say.
    if (i == 0) return std::nullopt;
    return QuantileBound{histogram.upper_bounds(i - 1), true};
  }
  return std::nullopt;
}

void PrintMetrics(Terminal& terminal, const v1::StreamMetricsResponse& response) {
  Table table({"METRIC", "LABELS", "VALUE"});
  for (const v1::MetricFamily& family : response.families()) {
    for (const Metric& metric : family.metrics()) {
      table.AddRow({family.name(), LabelsOf(metric), ValueOf(family, metric)});
    }
  }
  table.Print(terminal);
}

}  // namespace uprobed::client
