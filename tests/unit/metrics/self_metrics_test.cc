#include "server/metrics/self_metrics.h"

#include "gtest/gtest.h"
#include "tests/unit/metrics/find_metric.h"
#include "tests/unit/metrics/samples.h"

namespace uprobed::metrics {
namespace {

class SelfMetricsTest : public testing::Test {
 protected:
  std::optional<double> Value(const std::string& name, const LabelMap& labels = {}) const {
    return ValueOf(families_, name, labels);
  }
  std::optional<double> OfProbe(const std::string& name, LabelMap labels = {}) const {
    labels["probe"] = "shop";
    return ValueOf(families_, name, labels);
  }

  const std::vector<prometheus::MetricFamily> families_ = SelfMetrics(SampleSources()).Collect();
};

TEST_F(SelfMetricsTest, SaysVersionAndStart) {
  EXPECT_EQ(Value("uprobed_build_info", {{"version", "1.2.3"}}), 1);
  EXPECT_EQ(Value("uprobed_start_time_seconds"), 1'700'000'000.5);
}

TEST_F(SelfMetricsTest, CountsRequestsInFlight) {
  EXPECT_EQ(Value("uprobed_requests_in_flight"), 53);
  EXPECT_EQ(Value("uprobed_request_contexts_in_flight"), 54);
  EXPECT_EQ(Value("uprobed_request_routes_in_flight"), 57);
  EXPECT_EQ(Value("uprobed_outgoing_connections_in_flight"), 55);
  EXPECT_EQ(Value("uprobed_outgoing_headers_in_flight"), 77);
  EXPECT_EQ(Value("uprobed_handoffs_in_flight"), 56);
}

TEST_F(SelfMetricsTest, SaysWhatTheLedgerFinds) {
  EXPECT_EQ(OfProbe("uprobed_ledger_imbalance", {{"stage", "kernel"}}), -61);
  EXPECT_EQ(OfProbe("uprobed_ledger_uncertainty", {{"stage", "kernel"}}), 62);
  EXPECT_EQ(Value("uprobed_ledger_imbalance", {{"stage", "daemon"}}), 63);
  EXPECT_EQ(Value("uprobed_ledger_uncertainty", {{"stage", "daemon"}}), 64);
}

TEST_F(SelfMetricsTest, SaysStateOfEachProbe) {
  EXPECT_EQ(OfProbe("uprobed_probe_state", {{"state", "degraded"}}), 1);
  for (const char* state : {"pending", "active", "waiting", "disabled", "suspended", "failed"}) {
    EXPECT_EQ(OfProbe("uprobed_probe_state", {{"state", state}}), 0) << state;
  }
  EXPECT_EQ(OfProbe("uprobed_probe_attached_sites"), 4);
  EXPECT_EQ(OfProbe("uprobed_probe_single_stepped_sites"), 1);
}

TEST_F(SelfMetricsTest, SaysWhatIsTrueOfEachProbe) {
  const char* name = "uprobed_probe_condition";
  EXPECT_EQ(OfProbe(name, {{"condition", "Attached"}}), 1);
  EXPECT_EQ(OfProbe(name, {{"condition", "Complete"}}), 0);
  EXPECT_EQ(OfProbe(name, {{"condition", "FieldsConsistent"}}), std::nullopt)
      << "what is unknown has no value";
}

TEST_F(SelfMetricsTest, SaysWhatEachProbeCostsAndWhatIsLeftOfIt) {
  EXPECT_EQ(OfProbe("uprobed_probe_overhead_ratio"), 0.25);
  EXPECT_EQ(OfProbe("uprobed_probe_max_overhead_ratio"), 0.125);
  EXPECT_EQ(OfProbe("uprobed_probe_throttle_level"), 2);
  const char* changes = "uprobed_probe_throttle_changes_total";
  EXPECT_EQ(OfProbe(changes, {{"to", "none"}}), 11);
  EXPECT_EQ(OfProbe(changes, {{"to", "sampled"}}), 12);
  EXPECT_EQ(OfProbe(changes, {{"to", "metrics_only"}}), 13);
  EXPECT_EQ(OfProbe(changes, {{"to", "suspended"}}), 14);
}

TEST_F(SelfMetricsTest, CountsHitsOfEachSite) {
  const char* name = "uprobed_probe_hits_total";
  EXPECT_EQ(OfProbe(name, {{"site", "server_start"}}), 100 + UP_COUNTER_HITS_SERVER_START);
  EXPECT_EQ(OfProbe(name, {{"site", "server_end"}}), 100 + UP_COUNTER_HITS_SERVER_END);
  EXPECT_EQ(OfProbe(name, {{"site", "client_start"}}), 100 + UP_COUNTER_HITS_CLIENT_START);
  EXPECT_EQ(OfProbe(name, {{"site", "client_end"}}), 100 + UP_COUNTER_HITS_CLIENT_END);
}

TEST_F(SelfMetricsTest, CountsWhatIsSuppressedByCause) {
  const char* name = "uprobed_probe_spans_suppressed_total";
  EXPECT_EQ(OfProbe(name, {{"cause", "filtered"}}), 100 + UP_COUNTER_SUPPRESSED_FILTERED);
  EXPECT_EQ(OfProbe(name, {{"cause", "sampled"}}), 100 + UP_COUNTER_SUPPRESSED_SAMPLED);
  EXPECT_EQ(OfProbe(name, {{"cause", "rate_limited"}}), 100 + UP_COUNTER_SUPPRESSED_RATE_LIMITED);
  EXPECT_EQ(OfProbe(name, {{"cause", "budget"}}), 100 + UP_COUNTER_SUPPRESSED_BUDGET);
  EXPECT_EQ(OfProbe(name, {{"cause", "unstreamed"}}), 100 + UP_COUNTER_SUPPRESSED_UNSTREAMED);
  EXPECT_EQ(OfProbe("uprobed_probe_metrics_overflowed_total"), 100 + UP_COUNTER_METRICS_OVERFLOWED);
}

TEST_F(SelfMetricsTest, CountsSpansAndLossesByCause) {
  const char* name = "uprobed_spans_lost_total";
  EXPECT_EQ(OfProbe("uprobed_spans_total"), 17);
  EXPECT_EQ(OfProbe(name, {{"cause", "ring_full"}}), 100 + UP_COUNTER_LOST_RING_FULL);
  EXPECT_EQ(OfProbe(name, {{"cause", "map_full"}}), 100 + UP_COUNTER_LOST_MAP_FULL);
  EXPECT_EQ(OfProbe(name, {{"cause", "no_start"}}), 100 + UP_COUNTER_LOST_NO_START);
  EXPECT_EQ(OfProbe(name, {{"cause", "abandoned"}}), 100 + UP_COUNTER_LOST_ABANDONED);
  EXPECT_EQ(OfProbe(name, {{"cause", "read_fault"}}), 100 + UP_COUNTER_LOST_READ_FAULT);
  EXPECT_EQ(OfProbe(name, {{"cause", "preempted"}}), 100 + UP_COUNTER_LOST_PREEMPTED);
  EXPECT_EQ(OfProbe(name, {{"cause", "process_exited"}}), 100 + UP_COUNTER_LOST_PROCESS_EXITED);
  EXPECT_EQ(OfProbe(name, {{"cause", "detached"}}), 100 + UP_COUNTER_LOST_DETACHED);
  EXPECT_EQ(OfProbe("uprobed_probe_repeated_starts_total"), 100 + UP_COUNTER_REPEATED_START);
  EXPECT_EQ(OfProbe("uprobed_probe_out_of_scope_hits_total"), 100 + UP_COUNTER_OUT_OF_SCOPE);
  EXPECT_EQ(OfProbe("uprobed_fields_unread_total"), 100 + UP_COUNTER_FIELD_UNREAD);
  EXPECT_EQ(OfProbe("uprobed_routes_lost_total"), 100 + UP_COUNTER_ROUTE_MAP_FULL);
}

TEST_F(SelfMetricsTest, SaysWhatEventLoopAndStreamsDid) {
  EXPECT_EQ(Value("uprobed_events_total"), 50);
  EXPECT_EQ(Value("uprobed_decode_errors_total"), 51);
  EXPECT_EQ(Value("uprobed_events_unknown_slot_total"), 52);
  EXPECT_EQ(Value("uprobed_stream_spans_delivered_total"), 21);
  EXPECT_EQ(Value("uprobed_stream_spans_dropped_total"), 22);
  EXPECT_EQ(Value("uprobed_stream_subscribers"), 23);
  EXPECT_EQ(Value("uprobed_stream_spans_abandoned_total"), 24);
  EXPECT_EQ(Value("uprobed_stream_spans_queued"), 25);
  EXPECT_EQ(Value("uprobed_stream_spans_offered_total"), 26);
  EXPECT_EQ(Value("uprobed_stream_ledger_imbalance"), 27);
}

TEST_F(SelfMetricsTest, SaysWhatStoreAndTopologyDid) {
  EXPECT_EQ(Value("uprobed_store_reads_total"), 30);
  EXPECT_EQ(Value("uprobed_store_writes_total"), 31);
  EXPECT_EQ(Value("uprobed_store_errors_total"), 32);
  EXPECT_EQ(Value("uprobed_store_profile_hits_total"), 33);
  EXPECT_EQ(Value("uprobed_store_profile_misses_total"), 34);
  EXPECT_EQ(Value("uprobed_store_size_bytes"), 35);
  EXPECT_EQ(Value("uprobed_store_schema_version"), 36);
  EXPECT_EQ(Value("uprobed_topology_edges"), 40);
  EXPECT_EQ(Value("uprobed_topology_overflowed_total"), 42);
  EXPECT_EQ(Value("uprobed_topology_expired_total"), 43);
  EXPECT_EQ(Value("uprobed_topology_edges_dropped_total"), 45);
  EXPECT_EQ(Value("uprobed_topology_pending"), 41);
  EXPECT_EQ(Value("uprobed_topology_unclaimed"), 44);
}

}  // namespace
}  // namespace uprobed::metrics
