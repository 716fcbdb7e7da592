#ifndef UPROBED_SERVER_METRICS_HTTP_METRICS_H_
#define UPROBED_SERVER_METRICS_HTTP_METRICS_H_

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "server/metrics/collected_family.h"
#include "server/metrics/http_series.h"
#include "server/span/span.h"

namespace uprobed::metrics {

// Rate, errors and duration of the requests seen, as OpenTelemetry's HTTP metrics:
// http_{server,client}_request_duration_seconds, ..._request_body_size_bytes and
// ..._response_body_size_bytes; of RPCs rpc_{server,client}_duration_seconds; and
// uprobed_metric_series* about their own size. Thread-safe.
class HttpMetrics : public prometheus::Collectable {
 public:
  static constexpr size_t kDefaultMaxSeries = 2000;

  // Appends the same about the size of other bounded families: Prometheus wants all series of one
  // family in one place.
  using CollectUsage =
      std::function<void(prometheus::MetricFamily& series, prometheus::MetricFamily& overflowed)>;

  // Called before each collection, to Add() what is known elsewhere.
  using Refresh = std::function<void()>;

  // `max_series` bounds each family; the overflow series comes on top.
  explicit HttpMetrics(size_t max_series = kDefaultMaxSeries, CollectUsage others = {},
                       Refresh refresh = {});

  void Record(const span::Span& span);
  // Requests that have the labels of `span` and made none; the second where only the kind and
  // protocol are known.
  void Add(const span::Span& span, const up_request_metrics& requests);
  void AddOverflowed(const span::Span& span, const up_request_metrics& requests);
  std::vector<prometheus::MetricFamily> Collect() const override;
  // The same, with exponential histograms of durations, which count the same requests.
  std::vector<CollectedFamily> CollectExponential() const;

 private:
  HttpSeries& SeriesOf(const span::Span& span) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_series_;
  const CollectUsage others_;
  const Refresh refresh_;
  mutable absl::Mutex mutex_;
  HttpSeries server_ ABSL_GUARDED_BY(mutex_);
  HttpSeries client_ ABSL_GUARDED_BY(mutex_);
  HttpSeries rpc_server_ ABSL_GUARDED_BY(mutex_);
  HttpSeries rpc_client_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_HTTP_METRICS_H_
