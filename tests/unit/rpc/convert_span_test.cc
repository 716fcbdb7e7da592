#include "server/rpc/convert_span.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "server/rpc/convert_metrics.h"

namespace uprobed::rpc {
namespace {

using ::testing::ElementsAre;

std::string Text(const google::protobuf::RepeatedPtrField<v1::KeyValue>& values,
                 const std::string& key) {
  for (const v1::KeyValue& value : values) {
    if (value.key() == key) return value.string_value();
  }
  return "none";
}

int64_t Number(const google::protobuf::RepeatedPtrField<v1::KeyValue>& values,
               const std::string& key) {
  for (const v1::KeyValue& value : values) {
    if (value.key() == key) return value.int_value();
  }
  return -1;
}

span::Span SampleSpan() {
  span::Span span;
  span.kind = span::Kind::kServer;
  span.trace_id.fill(0xAB);
  span.span_id.fill(0xCD);
  span.start_unix_ns = 1'000'000'001;
  span.end_unix_ns = 2'000'000'002;
  span.probe = "probes/shop";
  span.service_name = "shop";
  span.pid = 7;
  span.method = "GET";
  span.path = "/caf\xE9";
  span.route = "/{drink}";
  span.status_code = 500;
  span.error_type = "500";
  span.truncated = "url.path,url.query";
  return span;
}

TEST(Span, IsToldWithItsAttributes) {
  v1::Span told;
  FillSpan(SampleSpan(), told);

  EXPECT_EQ(told.trace_id(), std::string(16, '\xAB'));
  EXPECT_EQ(told.span_id(), std::string(8, '\xCD'));
  EXPECT_EQ(told.name(), "GET /{drink}");
  EXPECT_EQ(told.kind(), v1::Span::KIND_SERVER);
  EXPECT_EQ(told.start_time().nanos(), 1);
  EXPECT_EQ(told.end_time().seconds(), 2);
  EXPECT_EQ(told.status(), v1::Span::STATUS_ERROR);
  EXPECT_EQ(told.probe(), "probes/shop");
  EXPECT_EQ(Text(told.attributes(), "http.request.method"), "GET");
  EXPECT_EQ(Number(told.attributes(), "http.response.status_code"), 500);
  EXPECT_EQ(Text(told.resource(), "service.name"), "shop");
  EXPECT_EQ(Number(told.resource(), "process.pid"), 7);
  EXPECT_THAT(told.truncated_attributes(), ElementsAre("url.path", "url.query"));
}

TEST(Span, IsValidUtf8WhateverTheRequestHeld) {
  v1::Span told;
  FillSpan(SampleSpan(), told);
  EXPECT_EQ(Text(told.attributes(), "url.path"), "/caf\xEF\xBF\xBD");
}

TEST(Span, TellsItsParentAndHowItIsKnown) {
  span::Span span = SampleSpan();
  v1::Span root;
  FillSpan(span, root);
  EXPECT_EQ(root.parent_span_id(), "");
  EXPECT_EQ(root.parent_source(), v1::Span::PARENT_SOURCE_UNSPECIFIED);

  span.kind = span::Kind::kClient;
  span.error_type.clear();
  span.parent_span_id.fill(1);
  span.parent_source = span::ParentSource::kGoroutine;
  v1::Span child;
  FillSpan(span, child);
  EXPECT_EQ(child.parent_span_id(), std::string(8, '\x01'));
  EXPECT_EQ(child.parent_source(), v1::Span::PARENT_SOURCE_GOROUTINE);
  EXPECT_EQ(child.kind(), v1::Span::KIND_CLIENT);
  EXPECT_EQ(child.status(), v1::Span::STATUS_UNSET);

  span.parent_source = span::ParentSource::kContext;
  v1::Span handed_over;
  FillSpan(span, handed_over);
  EXPECT_EQ(handed_over.parent_source(), v1::Span::PARENT_SOURCE_CONTEXT);

  span.parent_source = span::ParentSource::kConnection;
  v1::Span stitched;
  FillSpan(span, stitched);
  EXPECT_EQ(stitched.parent_source(), v1::Span::PARENT_SOURCE_CONNECTION);
  span.parent_source = span::ParentSource::kGoroutineStart;
  FillSpan(span, handed_over);
  EXPECT_EQ(handed_over.parent_source(), v1::Span::PARENT_SOURCE_GOROUTINE_START);
  span.parent_source = span::ParentSource::kChannel;
  FillSpan(span, handed_over);
  EXPECT_EQ(handed_over.parent_source(), v1::Span::PARENT_SOURCE_CHANNEL);

  span.parent_source = span::ParentSource::kTraceparent;
  v1::Span remote;
  FillSpan(span, remote);
  EXPECT_EQ(remote.parent_source(), v1::Span::PARENT_SOURCE_TRACEPARENT);
}

TEST(Span, TellsTheTraceStateThatItCameWith) {
  span::Span span = SampleSpan();
  v1::Span without;
  FillSpan(span, without);
  EXPECT_EQ(without.trace_state(), "");

  span.trace_state = "rojo=1,congo=2";
  v1::Span with;
  FillSpan(span, with);
  EXPECT_EQ(with.trace_state(), "rojo=1,congo=2");
}

TEST(Edge, TellsTheAverageLatency) {
  v1::Topology::Edge told;
  FillEdge({.key = {"shop", "/checkout", "stock", "/reserve"},
            .count = 4,
            .errors = 1,
            .latency_sum_ns = 6'000'000'000,
            .latency_max_ns = 2'000'000'001,
            .last_seen_unix_ns = 5'000'000'000},
           told);
  EXPECT_EQ(told.caller(), "shop");
  EXPECT_EQ(told.caller_function(), "/checkout");
  EXPECT_EQ(told.callee(), "stock");
  EXPECT_EQ(told.callee_function(), "/reserve");
  EXPECT_EQ(told.count(), 4U);
  EXPECT_EQ(told.errors(), 1U);
  EXPECT_EQ(told.latency_average().seconds(), 1);
  EXPECT_EQ(told.latency_average().nanos(), 500'000'000);
  EXPECT_EQ(told.latency_max().nanos(), 1);
  EXPECT_EQ(told.last_seen_time().seconds(), 5);
  v1::Topology::Edge empty;
  FillEdge({}, empty);
  EXPECT_EQ(empty.latency_average().seconds(), 0);
}

TEST(Family, TellsValues) {
  metrics::MetricSnapshot metric;
  metric.labels = {{"path", "\xFF"}};
  metric.value = 1.5;
  v1::MetricFamily gauge;
  FillFamily({.name = "up", .help = "h", .type = metrics::FamilyType::kGauge, .metrics = {metric}},
             gauge);
  EXPECT_EQ(gauge.name(), "up");
  EXPECT_EQ(gauge.help(), "h");
  EXPECT_EQ(gauge.type(), v1::MetricFamily::TYPE_GAUGE);
  EXPECT_EQ(gauge.metrics(0).value(), 1.5);
  EXPECT_EQ(gauge.metrics(0).labels().at("path"), "\xEF\xBF\xBD");
  EXPECT_FALSE(gauge.metrics(0).has_histogram());
}

TEST(Family, TellsHistograms) {
  const double infinity = std::numeric_limits<double>::infinity();
  metrics::MetricSnapshot metric;
  metric.count = 3;
  metric.sum = 2.5;
  metric.upper_bounds = {0.5, infinity};
  metric.cumulative_counts = {1, 3};
  v1::MetricFamily told;
  FillFamily({.name = "seconds",
              .help = "h",
              .type = metrics::FamilyType::kHistogram,
              .metrics = {metric}},
             told);
  EXPECT_EQ(told.type(), v1::MetricFamily::TYPE_HISTOGRAM);
  const v1::MetricFamily::Histogram& histogram = told.metrics(0).histogram();
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_EQ(histogram.sum(), 2.5);
  EXPECT_THAT(histogram.upper_bounds(), ElementsAre(0.5, infinity));
  EXPECT_THAT(histogram.cumulative_counts(), ElementsAre(1, 3));
}

}  // namespace
}  // namespace uprobed::rpc
