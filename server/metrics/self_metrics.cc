#include "server/metrics/self_metrics.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/metrics/families.h"
#include "server/metrics/probe_metrics.h"

namespace uprobed::metrics {
namespace {

using prometheus::MetricFamily;
using Families = std::vector<MetricFamily>;

template <typename Number>
void AddCounter(Families& families, const char* name, const char* help, Number value) {
  families.push_back(MakeCounter(name, help));
  AddMetric(families.back(), static_cast<double>(value));
}

template <typename Number>
void AddGauge(Families& families, const char* name, const char* help, Number value) {
  families.push_back(MakeGauge(name, help));
  AddMetric(families.back(), static_cast<double>(value));
}

void AddBuild(Families& families, const std::string& version, int64_t start_unix_ns) {
  constexpr double kNanosPerSecond = 1e9;
  families.push_back(MakeGauge("uprobed_build_info", "1, with the daemon's version as label."));
  AddMetric(families.back(), 1, {{"version", version}});
  AddGauge(families, "uprobed_start_time_seconds", "When the daemon started, in Unix time.",
           static_cast<double>(start_unix_ns) / kNanosPerSecond);
}

void AddEventLoop(Families& families, const EventLoopStats& stats) {
  AddCounter(families, "uprobed_events_total", "Records read from the ring buffer.", stats.events);
  AddCounter(families, "uprobed_decode_errors_total", "Records that were refused as malformed.",
             stats.decode_errors);
  AddCounter(families, "uprobed_events_unknown_slot_total",
             "Events of a slot that no probe was bound to.", stats.unknown_slots);
}

void AddLedger(Families& families, const std::vector<control::LedgerBalance>& balances) {
  MetricFamily imbalance =
      MakeGauge("uprobed_ledger_imbalance",
                "Requests that entered a stage and are neither inside nor accounted for as they "
                "left it; anything but 0 is a fault of the daemon.");
  MetricFamily uncertainty =
      MakeGauge("uprobed_ledger_uncertainty",
                "How far from the imbalance shown the true one may be, because requests flow; 0 at "
                "rest.");
  for (const control::LedgerBalance& balance : balances) {
    Labels labels = {{"stage", balance.stage}};
    if (!balance.probe.empty()) labels.push_back({"probe", balance.probe});
    AddMetric(imbalance, static_cast<double>(balance.imbalance), labels);
    AddMetric(uncertainty, static_cast<double>(balance.uncertainty), labels);
  }
  families.push_back(std::move(imbalance));
  families.push_back(std::move(uncertainty));
}

void AddStream(Families& families, const stream::HubStats& stats) {
  AddGauge(families, "uprobed_stream_subscribers", "Subscribers to the span stream.",
           stats.subscribers);
  AddCounter(families, "uprobed_stream_spans_offered_total",
             "Spans that passed a subscriber's filter, once for each subscriber.", stats.offered);
  AddCounter(families, "uprobed_stream_spans_delivered_total",
             "Spans handed to the connections of subscribers, once for each.", stats.delivered);
  AddCounter(families, "uprobed_stream_spans_dropped_total",
             "Spans dropped because a subscriber's queue was full.", stats.dropped);
  AddCounter(families, "uprobed_stream_spans_abandoned_total",
             "Spans that were queued for a subscriber when it went.", stats.abandoned);
  AddGauge(families, "uprobed_stream_spans_queued", "Spans that wait for subscribers.",
           stats.queued);
  AddGauge(families, "uprobed_stream_ledger_imbalance",
           "Spans by which what subscribers were offered differs from what was delivered to them, "
           "dropped or is queued. Other than 0 is a fault of uprobed.",
           stats.imbalance);
}

void AddStore(Families& families, const store::StoreStats& stats) {
  AddCounter(families, "uprobed_store_reads_total", "Reads of the database.", stats.reads);
  AddCounter(families, "uprobed_store_writes_total", "Writes to the database.", stats.writes);
  AddCounter(families, "uprobed_store_errors_total", "Database operations that failed.",
             stats.errors);
  AddCounter(families, "uprobed_store_profile_hits_total", "Profiles found in the database.",
             stats.profile_hits);
  AddCounter(families, "uprobed_store_profile_misses_total",
             "Profiles looked up that the database did not have.", stats.profile_misses);
  AddGauge(families, "uprobed_store_size_bytes", "Size of the database file.", stats.bytes);
  AddGauge(families, "uprobed_store_schema_version", "Version of the database's schema.",
           stats.schema_version);
}

void AddTopology(Families& families, const span::TopologyStats& stats) {
  AddGauge(families, "uprobed_topology_edges", "Edges of the service topology.", stats.edges);
  AddCounter(families, "uprobed_topology_overflowed_total",
             "Requests counted on the overflow edge because there are too many edges.",
             stats.overflowed);
  AddCounter(families, "uprobed_topology_expired_total",
             "Client spans whose server span never came.", stats.expired);
  AddCounter(families, "uprobed_topology_edges_dropped_total",
             "Edges that were not seen for the topology's window.", stats.dropped);
  AddGauge(families, "uprobed_topology_pending",
           "Client spans that wait for what their edge lacks.", stats.pending);
  AddGauge(families, "uprobed_topology_unclaimed",
           "Server spans of which it is not yet known whether they were called from outside.",
           stats.waiting);
}

}  // namespace

SelfMetrics::SelfMetrics(SelfMetricsSources sources) : sources_(std::move(sources)) {}

Families SelfMetrics::Collect() const {
  Families families;
  AddBuild(families, sources_.version, sources_.start_unix_ns);
  Families probes = CollectProbes(sources_.probes());
  std::move(probes.begin(), probes.end(), std::back_inserter(families));
  AddEventLoop(families, sources_.event_loop());
  AddLedger(families, sources_.ledger());
  AddGauge(families, "uprobed_requests_in_flight",
           "Requests that have begun and not ended, as the kernel side remembers them.",
           sources_.requests_in_flight());
  AddGauge(families, "uprobed_request_contexts_in_flight",
           "Contexts that lead from calls on other goroutines to requests being served.",
           sources_.contexts_in_flight());
  AddGauge(families, "uprobed_request_routes_in_flight",
           "Routes that a router has told of requests being served.", sources_.routes_in_flight());
  AddGauge(families, "uprobed_outgoing_connections_in_flight",
           "Connections that lead from requests to be served to those that were made for them.",
           sources_.connections_in_flight());
  AddGauge(families, "uprobed_outgoing_headers_in_flight",
           "Requests being made that are to be given the header traceparent.",
           sources_.headers_in_flight());
  AddGauge(families, "uprobed_handoffs_in_flight",
           "Goroutines that are known to work for a request or to work for none, and elements in "
           "channels and timers that belong to one.",
           sources_.handoffs_in_flight());
  AddStream(families, sources_.hub());
  AddStore(families, sources_.store());
  AddTopology(families, sources_.topology());
  return families;
}

}  // namespace uprobed::metrics
