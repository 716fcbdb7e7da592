#include "server/metrics/http_series.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

namespace uprobed::metrics {
namespace {

using span::Kind;
using span::Span;

// OpenTelemetry advises none for sizes: powers of 8 from 128 bytes to 256 MiB.
constexpr std::array<double, 8> kSizeBounds = {128,    1024,    8192,     65536,
                                               524288, 4194304, 33554432, 268435456};

// One label: a text or a number of the span. Empty and 0 are "not known".
struct LabelSource {
  const char* name;
  std::string Span::*text = nullptr;
  uint32_t Span::*number = nullptr;
  int64_t Span::*code = nullptr;  // of which 0 is one, too, and -1 is "not known"
};
// OpenTelemetry's attribute names with "_" for ".", as its Prometheus exporters write them. The
// resource attribute service.name is a label too: one endpoint speaks for many services.
constexpr LabelSource kCommonLabels[] = {
    {.name = "service_name", .text = &Span::service_name},
    {.name = "http_request_method", .text = &Span::method},
    {.name = "http_response_status_code", .number = &Span::status_code},
    {.name = "url_scheme", .text = &Span::scheme},
    {.name = "network_protocol_version", .text = &Span::protocol_version},
    {.name = "error_type", .text = &Span::error_type},
};
constexpr LabelSource kServerLabels[] = {
    {.name = "http_route", .text = &Span::route},
};
constexpr LabelSource kClientLabels[] = {
    {.name = "server_address", .text = &Span::server_address},
    {.name = "server_port", .number = &Span::server_port},
};

constexpr LabelSource kRpcLabels[] = {
    {.name = "service_name", .text = &Span::service_name},
    {.name = "rpc_system", .text = &Span::rpc_system},
    {.name = "rpc_service", .text = &Span::rpc_service},
    {.name = "rpc_method", .text = &Span::rpc_method},
    {.name = "rpc_grpc_status_code", .code = &Span::rpc_status_code},
    {.name = "error_type", .text = &Span::error_type},
};

template <typename Visitor>
void VisitLabelSources(Protocol protocol, Kind kind, const Visitor& visit) {
  if (protocol == Protocol::kRpc) {
    for (const LabelSource& source : kRpcLabels) visit(source);
    if (kind == Kind::kServer) return;
    for (const LabelSource& source : kClientLabels) visit(source);
    return;
  }
  for (const LabelSource& source : kCommonLabels) visit(source);
  if (kind == Kind::kServer) {
    for (const LabelSource& source : kServerLabels) visit(source);
  } else {
    for (const LabelSource& source : kClientLabels) visit(source);
  }
}

void AppendBytes(std::string& key, uint32_t number) {
  char bytes[sizeof(number)];
  std::memcpy(bytes, &number, sizeof(number));
  key.append(bytes, sizeof(bytes));
}

// Texts carry their length, so that no two label sets have one key.
void AppendKey(std::string& key, const Span& span, const LabelSource& source) {
  if (source.code != nullptr) {
    AppendBytes(key, static_cast<uint32_t>(span.*source.code));
    return;
  }
  if (source.text == nullptr) {
    AppendBytes(key, span.*source.number);
    return;
  }
  const std::string& text = span.*source.text;
  AppendBytes(key, static_cast<uint32_t>(text.size()));
  key += text;
}

std::string LabelValue(const Span& span, const LabelSource& source) {
  if (source.text != nullptr) return span.*source.text;
  if (source.code != nullptr) {
    return span.*source.code < 0 ? "" : std::to_string(span.*source.code);
  }
  const uint32_t number = span.*source.number;
  return number == 0 ? "" : std::to_string(number);
}

}  // namespace

struct HttpSeries::Family {
  const char* name;  // after "http_server" and the like
  const char* help;
  Histogram Series::*sizes = nullptr;  // or else it is of durations
};

const HttpSeries::Family HttpSeries::kHttpFamilies[3] = {
    {"_request_duration_seconds", "Duration of HTTP requests in seconds."},
    {"_request_body_size_bytes", "Size of HTTP request bodies in bytes, where it is known.",
     &Series::request_size},
    {"_response_body_size_bytes", "Size of HTTP response bodies in bytes, where it is known.",
     &Series::response_size},
};

const HttpSeries::Family HttpSeries::kRpcFamilies[1] = {
    {"_duration_seconds", "Duration of RPCs in seconds, of streams to their end."},
};

std::span<const HttpSeries::Family> HttpSeries::families() const {
  if (protocol_ == Protocol::kRpc) return kRpcFamilies;
  return kHttpFamilies;
}

HttpSeries::Series::Series(Labels series_labels)
    : labels(std::move(series_labels)), request_size(kSizeBounds), response_size(kSizeBounds) {}

HttpSeries::HttpSeries(Protocol protocol, Kind kind, size_t max_series)
    : protocol_(protocol), kind_(kind), max_series_(max_series), overflow_(Labels()) {
  VisitLabelSources(protocol, kind, [this](const LabelSource& source) {
    overflow_.labels.push_back({source.name, "_other"});
  });
}

void HttpSeries::AddTo(Series& series, const up_request_metrics& requests) {
  static_assert(kSizeBounds.size() == UP_SIZE_BOUND_COUNT);
  series.duration.Add(requests.duration);
  series.request_size.Add(requests.request_size.counts,
                          static_cast<double>(requests.request_size.sum));
  series.response_size.Add(requests.response_size.counts,
                           static_cast<double>(requests.response_size.sum));
}

void HttpSeries::Add(const Span& span, const up_request_metrics& requests) {
  AddTo(SeriesOf(span), requests);
}

void HttpSeries::AddOverflowed(const up_request_metrics& requests) { AddTo(overflow_, requests); }

void HttpSeries::Record(const Span& span) {
  Series& series = SeriesOf(span);
  series.duration.Observe(span.duration_ns());
  if (span.request_body_size >= 0) {
    series.request_size.Observe(static_cast<double>(span.request_body_size));
  }
  if (span.response_body_size >= 0) {
    series.response_size.Observe(static_cast<double>(span.response_body_size));
  }
}

HttpSeries::Series& HttpSeries::SeriesOf(const Span& span) {
  key_.clear();
  VisitLabelSources(protocol_, kind_,
                    [&](const LabelSource& source) { AppendKey(key_, span, source); });
  if (const auto found = series_.find(key_); found != series_.end()) return found->second;
  if (series_.size() >= max_series_) return overflow_;

  Labels labels;
  VisitLabelSources(protocol_, kind_, [&](const LabelSource& source) {
    // Prometheus: a label with an empty value is the same as no label.
    std::string value = LabelValue(span, source);
    if (!value.empty()) labels.push_back({source.name, std::move(value)});
  });
  return series_.try_emplace(key_, std::move(labels)).first->second;
}

std::string HttpSeries::FamilyName(const Family& family) const {
  const std::string protocol = protocol_ == Protocol::kRpc ? "rpc" : "http";
  return protocol + (kind_ == Kind::kServer ? "_server" : "_client") + family.name;
}

uint64_t HttpSeries::CountOf(const Family& family, const Series& series) {
  if (family.sizes == nullptr) return series.duration.count();
  return (series.*family.sizes).count();
}

void HttpSeries::AppendSeries(const Family& family, const Series& series,
                              CollectedFamily& collected) {
  if (CountOf(family, series) == 0) return;
  if (family.sizes != nullptr) {
    AddHistogram(collected.family, (series.*family.sizes).Collect(), series.labels);
    return;
  }
  AddHistogram(collected.family, series.duration.Collect(), series.labels);
  collected.exponential.push_back(series.duration.CollectExponential());
}

void HttpSeries::Collect(std::vector<CollectedFamily>& into) const {
  for (const Family& family : families()) {
    CollectedFamily collected{
        .family = {FamilyName(family), family.help, prometheus::MetricType::Histogram, {}},
        .exponential = {}};
    for (const auto& [key, series] : series_) AppendSeries(family, series, collected);
    AppendSeries(family, overflow_, collected);
    into.push_back(std::move(collected));
  }
}

void HttpSeries::CollectUsage(prometheus::MetricFamily& series,
                              prometheus::MetricFamily& overflowed) const {
  for (const Family& family : families()) {
    const auto in_use = std::count_if(series_.begin(), series_.end(), [&](const auto& entry) {
      return CountOf(family, entry.second) > 0;
    });
    const std::string name = FamilyName(family);
    AddMetric(series, static_cast<double>(in_use), {{"family", name}});
    AddMetric(overflowed, static_cast<double>(CountOf(family, overflow_)), {{"family", name}});
  }
}

}  // namespace uprobed::metrics
