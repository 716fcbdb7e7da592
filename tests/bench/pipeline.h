#ifndef UPROBED_TESTS_BENCH_PIPELINE_H_
#define UPROBED_TESTS_BENCH_PIPELINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "server/control/event_directory.h"
#include "server/metrics/edge_metrics.h"
#include "server/metrics/http_metrics.h"
#include "server/rpc/span_encoders.h"
#include "server/span/topology.h"
#include "server/span_pipeline.h"
#include "server/stream/span_hub.h"

namespace uprobed::bench {

// What a look at the ring buffer finds where a hundred thousand requests end in a second: the
// daemon gathers for 20 ms.
inline constexpr size_t kRecordsPerLook = 2000;

// Records as the kernel writes them, of a shop under load: requests served on several routes, and
// one of three of them makes a call. Repeats from the start at its end, with other ids and times.
class RecordSource {
 public:
  RecordSource();
  const std::vector<std::byte>& Next();
  double bytes_per_record() const;

 private:
  std::vector<std::vector<std::byte>> records_;
  size_t next_ = 0;
  uint64_t id_ = 0;
};

// The daemon's way from a record to where spans go, with as much of it as `stages` says.
class Pipeline {
 public:
  enum class Stages { kMetrics, kTopology, kHub };

  explicit Pipeline(Stages stages);
  void Feed(size_t records);
  // Called by Feed() at the end of each batch, as by the event loop after each look at the ring.
  void SetOnBatch(std::function<void()> on_batch) { on_batch_ = std::move(on_batch); }

  stream::SpanHub& hub() { return hub_; }
  span::Topology& topology() { return topology_; }
  uint64_t spans() const { return pipeline_.stats().events - pipeline_.stats().decode_errors; }
  double bytes_per_record() const { return source_.bytes_per_record(); }

 private:
  void OnSpan(const span::Span& span);

  const Stages stages_;
  RecordSource source_;
  control::EventDirectory directory_{"/nonexistent"};
  metrics::HttpMetrics http_metrics_;
  metrics::EdgeMetrics edge_metrics_;
  span::Topology topology_;
  stream::SpanHub hub_{rpc::SpanEncoders(), 64};
  SpanPipeline pipeline_;
  std::function<void()> on_batch_ = [] {};
};

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_PIPELINE_H_
