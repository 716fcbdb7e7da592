#include "tests/bench/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "server/base/clock.h"
#include "tests/unit/span/event_builder.h"
#include "tests/unit/span/record_builder.h"

namespace uprobed::bench {
namespace {

constexpr size_t kRoutes = 20;
constexpr size_t kPathsPerRoute = 50;
constexpr int64_t kWindowNs = 3'600'000'000'000;

up_http_event Served(size_t route, size_t path) {
  up_http_event event = span::ServerEvent();
  span::SetString(event, event.target, UP_STRING_TARGET, fmt::format("/shop/r{}/{}", route, path));
  span::SetString(event, event.route, UP_STRING_ROUTE, fmt::format("GET /shop/r{}/{{id}}", route));
  return event;
}

}  // namespace

RecordSource::RecordSource() {
  for (size_t path = 0; path < kPathsPerRoute; ++path) {
    for (size_t route = 0; route < kRoutes; ++route) {
      if (route % 3 == 0) records_.push_back(span::RecordOf(span::ClientEvent()));
      records_.push_back(span::RecordOf(Served(route, path)));
    }
  }
}

const std::vector<std::byte>& RecordSource::Next() {
  std::vector<std::byte>& record = records_[next_];
  next_ = (next_ + 1) % records_.size();
  ++id_;
  const uint64_t end_ns = MonotonicNanosNow();
  const uint64_t start_ns = end_ns - 1'000'000;
  std::memcpy(record.data() + offsetof(up_http_record, span_id), &id_, sizeof(id_));
  std::memcpy(record.data() + offsetof(up_http_record, start_ns), &start_ns, sizeof(start_ns));
  std::memcpy(record.data() + offsetof(up_http_record, end_ns), &end_ns, sizeof(end_ns));
  return record;
}

double RecordSource::bytes_per_record() const {
  const size_t bytes =
      std::accumulate(records_.begin(), records_.end(), size_t{0},
                      [](size_t sum, const auto& record) { return sum + record.size(); });
  return static_cast<double>(bytes) / static_cast<double>(records_.size());
}

Pipeline::Pipeline(Stages stages)
    : stages_(stages),
      edge_metrics_(metrics::HttpMetrics::kDefaultMaxSeries, kWindowNs),
      topology_({}, [this](const span::Call& call,
                           int64_t now_ns) { edge_metrics_.Record(call, now_ns); }),
      pipeline_(directory_, [this](const span::Span& span) { OnSpan(span); }) {
  directory_.Bind(0, {.probe_id = "shop", .binary_path = "/usr/bin/shop", .service_name = "shop"});
}

void Pipeline::OnSpan(const span::Span& span) {
  http_metrics_.Record(span);
  if (stages_ == Stages::kMetrics) return;
  topology_.Add(span, static_cast<int64_t>(MonotonicNanosNow()));
  if (stages_ == Stages::kTopology) return;
  hub_.Publish(span);
}

void Pipeline::Feed(size_t records) {
  for (size_t fed = 0; fed < records; ++fed) {
    pipeline_.OnRecord(source_.Next());
    if ((fed + 1) % kRecordsPerLook != 0) continue;
    hub_.Flush();
    on_batch_();
  }
}

}  // namespace uprobed::bench
