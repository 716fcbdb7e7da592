#include "server/metrics/edge_metrics.h"

#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/metrics/http_metrics.h"
#include "tests/unit/metrics/find_metric.h"

namespace uprobed::metrics {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kWindow = 1000;

span::Call CallOf(const std::string& callee, bool is_error = false) {
  return {.key = {"shop", "/checkout", callee, "/reserve"},
          .is_error = is_error,
          .latency_ns = 30 * kMs};
}

span::Call Served(bool is_error = false) {
  span::Call call = CallOf("stock");
  call.served_latency_ns = 20 * kMs;
  call.served_is_error = is_error;
  return call;
}

LabelMap EdgeLabels(const std::string& callee) {
  return {{"caller", "shop"},
          {"caller_function", "/checkout"},
          {"callee", callee},
          {"callee_function", "/reserve"}};
}

LabelMap Connection(const std::string& client, const std::string& server, const std::string& type) {
  return {{"client", client}, {"server", server}, {"connection_type", type}};
}

TEST(EdgeMetrics, CountsRequestsErrorsAndDurationsByEdge) {
  EdgeMetrics metrics(10, kWindow);
  metrics.Record(CallOf("stock"), 0);
  metrics.Record(CallOf("stock", true), 0);
  metrics.Record(CallOf("none"), 0);

  const auto families = metrics.Collect();

  EXPECT_EQ(ValueOf(families, "uprobed_edge_requests_total", EdgeLabels("stock")), 2);
  EXPECT_EQ(ValueOf(families, "uprobed_edge_errors_total", EdgeLabels("stock")), 1);
  EXPECT_EQ(ValueOf(families, "uprobed_edge_errors_total", EdgeLabels("none")), 0);
  const auto duration = FindMetric(families, "uprobed_edge_duration_seconds", EdgeLabels("stock"));
  ASSERT_TRUE(duration.has_value());
  EXPECT_EQ(duration->histogram.sample_count, 2U);
  EXPECT_DOUBLE_EQ(duration->histogram.sample_sum, 0.06);
}

TEST(EdgeMetrics, TellsServiceGraphBothEndsOfConnection) {
  EdgeMetrics metrics(10, kWindow);
  metrics.Record(Served(), 0);
  metrics.Record(Served(true), 0);

  const auto families = metrics.Collect();

  const LabelMap labels = Connection("shop", "stock", "");
  EXPECT_EQ(ValueOf(families, "traces_service_graph_request_total", labels), 2);
  EXPECT_EQ(ValueOf(families, "traces_service_graph_request_failed_total", labels), 1);
  const auto client = FindMetric(families, "traces_service_graph_request_client_seconds", labels);
  const auto server = FindMetric(families, "traces_service_graph_request_server_seconds", labels);
  ASSERT_TRUE(client.has_value() && server.has_value());
  EXPECT_DOUBLE_EQ(client->histogram.sample_sum, 0.06);
  EXPECT_DOUBLE_EQ(server->histogram.sample_sum, 0.04);
}

TEST(EdgeMetrics, TellsServiceGraphWhichEndWasNotSeen) {
  EdgeMetrics metrics(10, kWindow);
  span::Call elsewhere = CallOf("api.example.com:443", true);
  elsewhere.unresolved_in = 7;
  metrics.Record(elsewhere, 0);
  span::Call from_outside = Served();
  from_outside.key.caller = span::kOutside;
  metrics.Record(from_outside, 0);
  metrics.Record(CallOf("none"), 0);

  const auto families = metrics.Collect();

  EXPECT_EQ(FindFamily(families, "traces_service_graph_request_total").metric.size(), 2U);
  const LabelMap out = Connection("shop", "api.example.com:443", "virtual_node");
  EXPECT_EQ(ValueOf(families, "traces_service_graph_request_failed_total", out), 1);
  EXPECT_FALSE(FindMetric(families, "traces_service_graph_request_server_seconds", out));
  EXPECT_TRUE(FindMetric(families, "traces_service_graph_request_client_seconds", out));
  const LabelMap in = Connection("user", "stock", "virtual_node");
  EXPECT_EQ(ValueOf(families, "traces_service_graph_request_total", in), 1);
  EXPECT_TRUE(FindMetric(families, "traces_service_graph_request_server_seconds", in));
  EXPECT_FALSE(FindMetric(families, "traces_service_graph_request_client_seconds", in));
}

TEST(EdgeMetrics, AreBoundedAndSayTheirSizeAmongTheOthers) {
  const auto edges = std::make_shared<EdgeMetrics>(2, kWindow);
  for (const char* callee : {"a", "b", "c", "d"}) edges->Record(CallOf(callee), 0);
  const HttpMetrics http(
      2, [&](auto& series, auto& overflowed) { edges->CollectUsage(series, overflowed); });

  EXPECT_EQ(ValueOf(edges->Collect(), "uprobed_edge_requests_total",
                    {{"caller", "_other"},
                     {"caller_function", "_other"},
                     {"callee", "_other"},
                     {"callee_function", "_other"}}),
            2);
  const auto families = http.Collect();
  for (const char* family :
       {"uprobed_edge_requests_total", "uprobed_edge_errors_total", "uprobed_edge_duration_seconds",
        "traces_service_graph_request_total", "traces_service_graph_request_server_seconds"}) {
    EXPECT_EQ(ValueOf(families, "uprobed_metric_series", {{"family", family}}), 2) << family;
    EXPECT_EQ(ValueOf(families, "uprobed_metric_series_overflow_total", {{"family", family}}), 2);
  }
}

TEST(EdgeMetrics, GoWithTheirEdge) {
  EdgeMetrics metrics(10, kWindow);
  metrics.Record(Served(), 0);
  metrics.Advance(kWindow);
  EXPECT_EQ(FindFamily(metrics.Collect(), "uprobed_edge_requests_total").metric.size(), 1U);

  metrics.Advance(kWindow + 1);

  for (const auto& family : metrics.Collect()) EXPECT_TRUE(family.metric.empty()) << family.name;
}

TEST(EdgeMetrics, CountExactlyFromSeveralThreads) {
  EdgeMetrics metrics(10, kWindow);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 1000; ++k) metrics.Record(CallOf("stock"), 0);
      metrics.Collect();
    });
  }
  threads.clear();

  EXPECT_EQ(ValueOf(metrics.Collect(), "uprobed_edge_requests_total", EdgeLabels("stock")), 4000);
}

}  // namespace
}  // namespace uprobed::metrics
