#include "server/metrics/probe_metrics.h"

#include <string>
#include <utility>

#include "bpf/abi/counters.h"
#include "server/metrics/families.h"

namespace uprobed::metrics {
namespace {

using control::Probe;
using control::ProbeState;
using prometheus::MetricFamily;

constexpr ProbeState kStates[] = {
    ProbeState::kPending,  ProbeState::kActive,    ProbeState::kDegraded, ProbeState::kWaiting,
    ProbeState::kDisabled, ProbeState::kSuspended, ProbeState::kFailed};

// A label's value and the kernel counter behind it.
struct CounterLabel {
  const char* value;
  up_counter counter;
};
constexpr CounterLabel kSites[] = {
    {"server_start", UP_COUNTER_HITS_SERVER_START},
    {"server_end", UP_COUNTER_HITS_SERVER_END},
    {"client_start", UP_COUNTER_HITS_CLIENT_START},
    {"client_connection", UP_COUNTER_HITS_CLIENT_CONNECTION},
    {"http2_client_attempt", UP_COUNTER_HITS_HTTP2_CLIENT_ATTEMPT},
    {"http2_client_stream", UP_COUNTER_HITS_HTTP2_CLIENT_STREAM},
    {"client_headers", UP_COUNTER_HITS_CLIENT_HEADERS},
    {"http2_client_headers", UP_COUNTER_HITS_HTTP2_CLIENT_HEADERS},
    {"client_end", UP_COUNTER_HITS_CLIENT_END},
    {"server_recover", UP_COUNTER_HITS_SERVER_RECOVER},
    {"server_refused", UP_COUNTER_HITS_SERVER_REFUSED},
    {"server_route", UP_COUNTER_HITS_SERVER_ROUTE},
    {"server_handler", UP_COUNTER_HITS_SERVER_HANDLER},
    {"http2_server_start", UP_COUNTER_HITS_HTTP2_SERVER_START},
    {"http2_server_end", UP_COUNTER_HITS_HTTP2_SERVER_END},
    {"http2_server_unfinished", UP_COUNTER_HITS_HTTP2_SERVER_UNFINISHED},
    {"grpc_server_start", UP_COUNTER_HITS_GRPC_SERVER_START},
    {"grpc_server_end", UP_COUNTER_HITS_GRPC_SERVER_END},
    {"grpc_client_start", UP_COUNTER_HITS_GRPC_CLIENT_START},
    {"grpc_client_end", UP_COUNTER_HITS_GRPC_CLIENT_END},
    {"server_first_byte", UP_COUNTER_HITS_SERVER_FIRST_BYTE},
    {"client_body", UP_COUNTER_HITS_CLIENT_BODY},
    {"goroutine_start", UP_COUNTER_HITS_GOROUTINE_START},
    {"timer", UP_COUNTER_HITS_TIMER},
    {"channel_send", UP_COUNTER_HITS_CHANNEL_SEND},
    {"channel_receive", UP_COUNTER_HITS_CHANNEL_RECEIVE}};
constexpr CounterLabel kHandoffCauses[] = {{"map_full", UP_COUNTER_HANDOFF_MAP_FULL},
                                           {"expired", UP_COUNTER_HANDOFF_EXPIRED},
                                           {"ambiguous", UP_COUNTER_HANDOFF_AMBIGUOUS}};
constexpr CounterLabel kLossCauses[] = {{"ring_full", UP_COUNTER_LOST_RING_FULL},
                                        {"map_full", UP_COUNTER_LOST_MAP_FULL},
                                        {"no_start", UP_COUNTER_LOST_NO_START},
                                        {"abandoned", UP_COUNTER_LOST_ABANDONED},
                                        {"read_fault", UP_COUNTER_LOST_READ_FAULT},
                                        {"preempted", UP_COUNTER_LOST_PREEMPTED},
                                        {"process_exited", UP_COUNTER_LOST_PROCESS_EXITED},
                                        {"detached", UP_COUNTER_LOST_DETACHED}};
constexpr CounterLabel kSuppressionCauses[] = {{"filtered", UP_COUNTER_SUPPRESSED_FILTERED},
                                               {"sampled", UP_COUNTER_SUPPRESSED_SAMPLED},
                                               {"rate_limited", UP_COUNTER_SUPPRESSED_RATE_LIMITED},
                                               {"budget", UP_COUNTER_SUPPRESSED_BUDGET},
                                               {"unstreamed", UP_COUNTER_SUPPRESSED_UNSTREAMED}};
constexpr CounterLabel kNotInjectedCauses[] = {{"own_header", UP_COUNTER_NOT_INJECTED_OWN_HEADER},
                                               {"headers", UP_COUNTER_NOT_INJECTED_HEADERS},
                                               {"no_room", UP_COUNTER_NOT_INJECTED_NO_ROOM},
                                               {"no_request", UP_COUNTER_NOT_INJECTED_NO_REQUEST},
                                               {"fault", UP_COUNTER_NOT_INJECTED_FAULT}};

double CounterOf(const Probe& probe, up_counter counter) {
  return static_cast<double>(probe.status.counters.value[counter]);
}

// One series a probe.
template <typename Getter>
MetricFamily PerProbe(MetricFamily family, const std::vector<Probe>& probes, Getter get) {
  for (const Probe& probe : probes) {
    AddMetric(family, static_cast<double>(get(probe)), {{"probe", probe.record.id}});
  }
  return family;
}

// One series a probe and value of `label`.
template <size_t kSize>
MetricFamily PerProbeAnd(const char* label, const CounterLabel (&values)[kSize],
                         MetricFamily family, const std::vector<Probe>& probes) {
  for (const Probe& probe : probes) {
    for (const CounterLabel& value : values) {
      AddMetric(family, CounterOf(probe, value.counter),
                {{"probe", probe.record.id}, {label, value.value}});
    }
  }
  return family;
}

MetricFamily States(const std::vector<Probe>& probes) {
  MetricFamily family = MakeGauge("uprobed_probe_state", "1 for the state that a probe is in.");
  for (const Probe& probe : probes) {
    for (const ProbeState state : kStates) {
      AddMetric(family, probe.status.state == state ? 1 : 0,
                {{"probe", probe.record.id}, {"state", std::string(control::Name(state))}});
    }
  }
  return family;
}

MetricFamily Conditions(const std::vector<Probe>& probes) {
  MetricFamily family = MakeGauge(
      "uprobed_probe_condition",
      "1 for what is true of a probe, 0 for what is false; what is unknown has no value.");
  for (const Probe& probe : probes) {
    for (size_t i = 0; i < control::kConditionTypes; ++i) {
      const control::ConditionStatus status = probe.status.conditions[i].status;
      if (status == control::ConditionStatus::kUnknown) continue;
      const auto type = static_cast<control::ConditionType>(i);
      AddMetric(family, status == control::ConditionStatus::kTrue ? 1 : 0,
                {{"probe", probe.record.id}, {"condition", std::string(control::Name(type))}});
    }
  }
  return family;
}

MetricFamily ThrottleChanges(const std::vector<Probe>& probes) {
  MetricFamily family =
      MakeCounter("uprobed_probe_throttle_changes_total",
                  "How often a probe came to each level of what its budget of overhead leaves it.");
  for (const Probe& probe : probes) {
    for (size_t level = 0; level < control::kThrottleLevels; ++level) {
      const auto to = static_cast<control::ThrottleLevel>(level);
      AddMetric(family, static_cast<double>(probe.status.throttle_changes[level]),
                {{"probe", probe.record.id}, {"to", std::string(control::Name(to))}});
    }
  }
  return family;
}

MetricFamily OfCounter(up_counter counter, MetricFamily family, const std::vector<Probe>& probes) {
  return PerProbe(std::move(family), probes,
                  [counter](const Probe& probe) { return CounterOf(probe, counter); });
}

}  // namespace

std::vector<MetricFamily> CollectProbes(const std::vector<Probe>& probes) {
  return {
      States(probes),
      Conditions(probes),
      PerProbe(MakeGauge("uprobed_probe_attached_sites", "Sites that a probe has attached."),
               probes, [](const Probe& probe) { return probe.status.attached_sites; }),
      PerProbe(MakeGauge("uprobed_probe_single_stepped_sites",
                         "Attached sites whose instruction the kernel cannot emulate: each hit "
                         "costs a second trap."),
               probes, [](const Probe& probe) { return probe.status.single_stepped_sites; }),
      PerProbe(MakeGauge("uprobed_probe_overhead_ratio",
                         "What a probe's hits have cost in the last second, as a fraction of one "
                         "CPU."),
               probes, [](const Probe& probe) { return probe.status.overhead_ratio; }),
      PerProbe(MakeGauge("uprobed_probe_max_overhead_ratio",
                         "What they may cost; 0 where there is no limit."),
               probes, [](const Probe& probe) { return probe.record.spec.max_overhead; }),
      PerProbe(MakeGauge("uprobed_probe_throttle_level",
                         "What is left of a probe to stay within that: 0 all, 1 spans of some "
                         "traces, 2 metrics only, 3 nothing (suspended)."),
               probes,
               [](const Probe& probe) { return static_cast<int>(probe.status.throttle_level); }),
      ThrottleChanges(probes),
      PerProbeAnd("site", kSites,
                  MakeCounter("uprobed_probe_hits_total", "Hits of a probe's sites."), probes),
      PerProbe(MakeCounter("uprobed_spans_total", "Spans delivered to the subscribers' hub."),
               probes, [](const Probe& probe) { return probe.status.spans; }),
      PerProbeAnd("cause", kLossCauses,
                  MakeCounter("uprobed_spans_lost_total",
                              "Requests seen in the kernel that became no span, by cause."),
                  probes),
      PerProbeAnd("cause", kSuppressionCauses,
                  MakeCounter("uprobed_probe_spans_suppressed_total",
                              "Requests that became no span because the probe's limits or its "
                              "budget of overhead say so, by "
                              "cause; no loss, and part of the metrics of requests."),
                  probes),
      OfCounter(UP_COUNTER_METRICS_OVERFLOWED,
                MakeCounter("uprobed_probe_metrics_overflowed_total",
                            "Requests that became no span and are on an overflow series of their "
                            "metrics, because the kernel has its limit of labels for them."),
                probes),
      PerProbeAnd("cause", kHandoffCauses,
                  MakeCounter("uprobed_handoffs_lost_total",
                              "Work handed from one goroutine to another whose request is not "
                              "known any more, by cause: calls made for it are roots."),
                  probes),
      OfCounter(UP_COUNTER_OUT_OF_SCOPE,
                MakeCounter("uprobed_probe_out_of_scope_hits_total",
                            "Hits by processes outside of a probe's scope; no loss."),
                probes),
      OfCounter(UP_COUNTER_REPEATED_START,
                MakeCounter("uprobed_probe_repeated_starts_total",
                            "Second hits of a start site by one call, after its stack grew; "
                            "no loss."),
                probes),
      OfCounter(UP_COUNTER_BODY_MAP_FULL,
                MakeCounter("uprobed_client_bodies_untracked_total",
                            "Client spans that ended with the response's header, because too many "
                            "bodies were being read."),
                probes),
      OfCounter(UP_COUNTER_ROUTE_MAP_FULL,
                MakeCounter("uprobed_routes_lost_total",
                            "Routes that a router has told and the kernel had no room for: their "
                            "spans have none."),
                probes),
      OfCounter(UP_COUNTER_INJECTED,
                MakeCounter("uprobed_requests_injected_total",
                            "Requests that were given the header traceparent."),
                probes),
      PerProbeAnd("cause", kNotInjectedCauses,
                  MakeCounter("uprobed_requests_not_injected_total",
                              "Requests that went out as the program has made them although their "
                              "probe injects traceparent, by cause."),
                  probes),
      OfCounter(UP_COUNTER_FIELD_UNREAD,
                MakeCounter("uprobed_fields_unread_total",
                            "Fields of delivered spans whose memory could not be read."),
                probes),
  };
}

}  // namespace uprobed::metrics
