#ifndef UPROBED_TESTS_UNIT_METRICS_SAMPLES_H_
#define UPROBED_TESTS_UNIT_METRICS_SAMPLES_H_

#include <string>

#include "server/metrics/self_metrics.h"
#include "server/span/span.h"

namespace uprobed::metrics {

inline span::Span ServerSpan(const std::string& route = "/items/{id}") {
  span::Span span;
  span.kind = span::Kind::kServer;
  span.service_name = "shop";
  span.method = "GET";
  span.scheme = "http";
  span.path = "/items/7";
  span.route = route;
  span.server_address = "localhost";
  span.server_port = 8080;
  span.protocol_version = "1.1";
  span.status_code = 200;
  span.request_body_size = 0;
  span.response_body_size = 512;
  span.end_unix_ns = 30'000'000;
  return span;
}

inline span::Span ClientSpan() {
  span::Span span = ServerSpan("");
  span.kind = span::Kind::kClient;
  span.server_address = "stock";
  span.server_port = 8081;
  span.status_code = 404;
  span.error_type = "404";
  span.response_body_size = -1;
  return span;
}

// Each number is another, so that no metric can take another's.
inline SelfMetricsSources SampleSources() {
  return {.version = "1.2.3",
          .start_unix_ns = 1'700'000'000'500'000'000,
          .probes =
              [] {
                control::Probe probe;
                probe.record.id = "shop";
                probe.status.state = control::ProbeState::kDegraded;
                probe.status.attached_sites = 4;
                probe.status.single_stepped_sites = 1;
                probe.status.spans = 17;
                probe.record.spec.max_overhead = 0.125;
                probe.status.overhead_ratio = 0.25;
                probe.status.conditions[0] = control::MakeCondition(absl::OkStatus());
                probe.status.conditions[1] = control::MakeCondition(absl::InternalError("flaw"));
                probe.status.throttle_level = control::ThrottleLevel::kMetricsOnly;
                probe.status.throttle_changes = {11, 12, 13, 14};
                for (int i = 0; i < UP_COUNTER_COUNT; ++i) {
                  probe.status.counters.value[i] = static_cast<uint64_t>(100 + i);
                }
                return std::vector<control::Probe>{probe};
              },
          .hub =
              [] {
                return stream::HubStats{.published = 20,
                                        .offered = 26,
                                        .delivered = 21,
                                        .dropped = 22,
                                        .abandoned = 24,
                                        .subscribers = 23,
                                        .queued = 25,
                                        .imbalance = 27};
              },
          .store =
              [] {
                return store::StoreStats{.reads = 30,
                                         .writes = 31,
                                         .errors = 32,
                                         .profile_hits = 33,
                                         .profile_misses = 34,
                                         .bytes = 35,
                                         .schema_version = 36};
              },
          .topology =
              [] {
                return span::TopologyStats{.edges = 40,
                                           .pending = 41,
                                           .waiting = 44,
                                           .overflowed = 42,
                                           .expired = 43,
                                           .dropped = 45};
              },
          .event_loop =
              [] { return EventLoopStats{.events = 50, .decode_errors = 51, .unknown_slots = 52}; },
          .ledger =
              [] {
                return std::vector<control::LedgerBalance>{
                    {.probe = "shop", .stage = "kernel", .imbalance = -61, .uncertainty = 62},
                    {.probe = {}, .stage = "daemon", .imbalance = 63, .uncertainty = 64}};
              },
          .requests_in_flight = [] { return size_t{53}; },
          .contexts_in_flight = [] { return size_t{54}; },
          .routes_in_flight = [] { return size_t{57}; },
          .connections_in_flight = [] { return size_t{55}; },
          .headers_in_flight = [] { return size_t{77}; },
          .handoffs_in_flight = [] { return size_t{56}; }};
}

}  // namespace uprobed::metrics

#endif  // UPROBED_TESTS_UNIT_METRICS_SAMPLES_H_
