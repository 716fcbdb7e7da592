#include "client/render_metrics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "client/format.h"
#include "client/quantile.h"
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

std::string QuantileText(const std::string& family, const Metric& metric, double quantile) {
  if (metric.has_exponential_histogram()) {
    const std::optional<double> value = EstimateQuantile(metric.exponential_histogram(), quantile);
    return value ? "=" + InUnit(family, *value) : "";
  }
  const std::optional<QuantileBound> bound = BoundQuantile(metric.histogram(), quantile);
  return bound ? (bound->above ? ">" : "<=") + InUnit(family, bound->bound) : "";
}

std::string HistogramText(const std::string& family, const Metric& metric) {
  const Histogram& histogram = metric.histogram();
  std::string text = fmt::format("count={}", histogram.count());
  if (histogram.count() == 0) return text;
  const double mean = histogram.sum() / static_cast<double>(histogram.count());
  text += " mean=" + InUnit(family, mean);
  for (const int percent : {50, 90, 99}) {
    const std::string quantile = QuantileText(family, metric, percent / 100.0);
    if (!quantile.empty()) text += fmt::format(" p{}{}", percent, quantile);
  }
  return text;
}

std::string ValueOf(const v1::MetricFamily& family, const Metric& metric) {
  if (family.type() == v1::MetricFamily::TYPE_HISTOGRAM) {
    return HistogramText(family.name(), metric);
  }
  // A counter counts one by one: every digit matters.
  if (metric.value() == std::floor(metric.value()) && std::abs(metric.value()) < 1e15) {
    return fmt::format("{:.0f}", metric.value());
  }
  return fmt::format("{:.6g}", metric.value());
}

}  // namespace

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
