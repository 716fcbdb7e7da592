#ifndef UPROBED_SERVER_METRICS_HTTP_SERIES_H_
#define UPROBED_SERVER_METRICS_HTTP_SERIES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "bpf/abi/request_metrics.h"
#include "prometheus/metric_family.h"
#include "server/metrics/collected_family.h"
#include "server/metrics/duration_histogram.h"
#include "server/metrics/families.h"
#include "server/metrics/histogram.h"
#include "server/span/span.h"

namespace uprobed::metrics {

// What a span is of, and a family of metrics.
enum class Protocol : uint8_t { kHttp, kRpc };

// The series of one kind of span: three families (duration, request body size, response body size;
// of RPC the first) that share their labels. Holds at most `max_series` label sets; what exceeds
// them is counted on one more, whose labels are all "_other". Thread: the owner's only.
class HttpSeries {
 public:
  HttpSeries(Protocol protocol, span::Kind kind, size_t max_series);

  void Record(const span::Span& span);
  // Adds requests that have the labels of `span`; the second to the overflow series.
  void Add(const span::Span& span, const up_request_metrics& requests);
  void AddOverflowed(const up_request_metrics& requests);
  // Appends its families.
  void Collect(std::vector<CollectedFamily>& into) const;
  // Appends, for each family, its number of series and of values counted on the overflow series.
  void CollectUsage(prometheus::MetricFamily& series, prometheus::MetricFamily& overflowed) const;

 private:
  struct Series {
    explicit Series(Labels series_labels);
    Labels labels;
    DurationHistogram duration;
    Histogram request_size;
    Histogram response_size;
  };
  struct Family;
  static const Family kHttpFamilies[3];
  static const Family kRpcFamilies[1];
  std::span<const Family> families() const;

  static void AddTo(Series& series, const up_request_metrics& requests);
  Series& SeriesOf(const span::Span& span);
  std::string FamilyName(const Family& family) const;
  static uint64_t CountOf(const Family& family, const Series& series);
  static void AppendSeries(const Family& family, const Series& series, CollectedFamily& collected);

  const Protocol protocol_;
  const span::Kind kind_;
  const size_t max_series_;
  std::unordered_map<std::string, Series> series_;
  Series overflow_;
  std::string key_;  // kept between calls, so that looking up allocates nothing
};

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_HTTP_SERIES_H_
