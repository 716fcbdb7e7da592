#include "server/metrics/http_metrics.h"

#include <utility>

#include "server/metrics/families.h"

namespace uprobed::metrics {

HttpMetrics::HttpMetrics(size_t max_series, CollectUsage others, Refresh refresh)
    : max_series_(max_series),
      others_(std::move(others)),
      refresh_(std::move(refresh)),
      server_(Protocol::kHttp, span::Kind::kServer, max_series),
      client_(Protocol::kHttp, span::Kind::kClient, max_series),
      rpc_server_(Protocol::kRpc, span::Kind::kServer, max_series),
      rpc_client_(Protocol::kRpc, span::Kind::kClient, max_series) {}

HttpSeries& HttpMetrics::SeriesOf(const span::Span& span) {
  const bool server = span.kind == span::Kind::kServer;
  if (span.is_rpc()) return server ? rpc_server_ : rpc_client_;
  return server ? server_ : client_;
}

void HttpMetrics::Record(const span::Span& span) {
  const absl::MutexLock lock(&mutex_);
  SeriesOf(span).Record(span);
}

void HttpMetrics::Add(const span::Span& span, const up_request_metrics& requests) {
  const absl::MutexLock lock(&mutex_);
  SeriesOf(span).Add(span, requests);
}

void HttpMetrics::AddOverflowed(const span::Span& span, const up_request_metrics& requests) {
  const absl::MutexLock lock(&mutex_);
  SeriesOf(span).AddOverflowed(requests);
}

std::vector<prometheus::MetricFamily> HttpMetrics::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  for (CollectedFamily& collected : CollectExponential()) {
    families.push_back(std::move(collected.family));
  }
  return families;
}

std::vector<CollectedFamily> HttpMetrics::CollectExponential() const {
  if (refresh_) refresh_();
  prometheus::MetricFamily series = MakeGauge(
      "uprobed_metric_series", "Series that a bounded family has, without its overflow series.");
  prometheus::MetricFamily overflowed = MakeCounter(
      "uprobed_metric_series_overflow_total",
      "Values counted on a family's overflow series because it has its limit of series.");
  prometheus::MetricFamily limit =
      MakeGauge("uprobed_metric_series_limit", "Series that each bounded family may have.");
  AddMetric(limit, static_cast<double>(max_series_));

  std::vector<CollectedFamily> families;
  {
    const absl::MutexLock lock(&mutex_);
    for (const HttpSeries* each : {&server_, &client_, &rpc_server_, &rpc_client_}) {
      each->Collect(families);
      each->CollectUsage(series, overflowed);
    }
  }
  if (others_) others_(series, overflowed);
  for (prometheus::MetricFamily* each : {&series, &overflowed, &limit}) {
    families.push_back({.family = std::move(*each), .exponential = {}});
  }
  return families;
}

}  // namespace uprobed::metrics
