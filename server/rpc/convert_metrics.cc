#include "server/rpc/convert_metrics.h"

#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

v1::MetricFamily::Type TypeToProto(metrics::FamilyType type) {
  switch (type) {
    case metrics::FamilyType::kCounter:
      return v1::MetricFamily::TYPE_COUNTER;
    case metrics::FamilyType::kGauge:
      return v1::MetricFamily::TYPE_GAUGE;
    case metrics::FamilyType::kHistogram:
      return v1::MetricFamily::TYPE_HISTOGRAM;
  }
  return v1::MetricFamily::TYPE_UNSPECIFIED;
}

void FillExponential(const metrics::ExponentialHistogram& from,
                     v1::MetricFamily::ExponentialHistogram& to) {
  to.set_scale(from.scale);
  to.set_sum(from.sum);
  to.set_count(from.count);
  to.set_zero_count(from.zero_count);
  to.set_zero_threshold(from.zero_threshold);
  to.set_offset(from.offset);
  to.mutable_bucket_counts()->Add(from.bucket_counts.begin(), from.bucket_counts.end());
}

}  // namespace

void FillFamily(const metrics::FamilySnapshot& from, v1::MetricFamily& to) {
  to.set_name(ToUtf8(from.name));
  to.set_help(ToUtf8(from.help));
  to.set_type(TypeToProto(from.type));
  for (const metrics::MetricSnapshot& metric : from.metrics) {
    auto* out = to.add_metrics();
    for (const auto& [label, value] : metric.labels) {
      (*out->mutable_labels())[ToUtf8(label)] = ToUtf8(value);
    }
    if (from.type != metrics::FamilyType::kHistogram) {
      out->set_value(metric.value);
      continue;
    }
    auto* histogram = out->mutable_histogram();
    histogram->set_count(metric.count);
    histogram->set_sum(metric.sum);
    histogram->mutable_upper_bounds()->Add(metric.upper_bounds.begin(), metric.upper_bounds.end());
    histogram->mutable_cumulative_counts()->Add(metric.cumulative_counts.begin(),
                                                metric.cumulative_counts.end());
    if (metric.exponential.has_value()) {
      FillExponential(*metric.exponential, *out->mutable_exponential_histogram());
    }
  }
}

}  // namespace uprobed::rpc
