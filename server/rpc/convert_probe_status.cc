#include "server/rpc/convert_probe_status.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include "server/base/errors.h"
#include "server/rpc/convert_time.h"
#include "server/rpc/resource_name.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

constexpr std::array<std::pair<up_counter, const char*>, 26> kHits{{
    {UP_COUNTER_HITS_HTTP2_CLIENT_ATTEMPT, "http2_client_attempt"},
    {UP_COUNTER_HITS_HTTP2_CLIENT_STREAM, "http2_client_stream"},
    {UP_COUNTER_HITS_CLIENT_CONNECTION, "client_connection"},
    {UP_COUNTER_HITS_CLIENT_HEADERS, "client_headers"},
    {UP_COUNTER_HITS_HTTP2_CLIENT_HEADERS, "http2_client_headers"},
    {UP_COUNTER_HITS_SERVER_START, "server_start"},
    {UP_COUNTER_HITS_SERVER_END, "server_end"},
    {UP_COUNTER_HITS_CLIENT_START, "client_start"},
    {UP_COUNTER_HITS_CLIENT_END, "client_end"},
    {UP_COUNTER_HITS_SERVER_RECOVER, "server_recover"},
    {UP_COUNTER_HITS_SERVER_REFUSED, "server_refused"},
    {UP_COUNTER_HITS_SERVER_ROUTE, "server_route"},
    {UP_COUNTER_HITS_SERVER_HANDLER, "server_handler"},
    {UP_COUNTER_HITS_HTTP2_SERVER_START, "http2_server_start"},
    {UP_COUNTER_HITS_HTTP2_SERVER_END, "http2_server_end"},
    {UP_COUNTER_HITS_HTTP2_SERVER_UNFINISHED, "http2_server_unfinished"},
    {UP_COUNTER_HITS_GOROUTINE_START, "goroutine_start"},
    {UP_COUNTER_HITS_TIMER, "timer"},
    {UP_COUNTER_HITS_CHANNEL_SEND, "channel_send"},
    {UP_COUNTER_HITS_CHANNEL_RECEIVE, "channel_receive"},
    {UP_COUNTER_HITS_GRPC_SERVER_START, "grpc_server_start"},
    {UP_COUNTER_HITS_GRPC_SERVER_END, "grpc_server_end"},
    {UP_COUNTER_HITS_GRPC_CLIENT_START, "grpc_client_start"},
    {UP_COUNTER_HITS_GRPC_CLIENT_END, "grpc_client_end"},
    {UP_COUNTER_HITS_SERVER_FIRST_BYTE, "server_first_byte"},
    {UP_COUNTER_HITS_CLIENT_BODY, "client_body"},
}};
constexpr std::array<std::pair<up_counter, const char*>, 8> kLosses{{
    {UP_COUNTER_LOST_RING_FULL, "ring_full"},
    {UP_COUNTER_LOST_MAP_FULL, "map_full"},
    {UP_COUNTER_LOST_NO_START, "no_start"},
    {UP_COUNTER_LOST_ABANDONED, "abandoned"},
    {UP_COUNTER_LOST_READ_FAULT, "read_fault"},
    {UP_COUNTER_LOST_PREEMPTED, "preempted"},
    {UP_COUNTER_LOST_PROCESS_EXITED, "process_exited"},
    {UP_COUNTER_LOST_DETACHED, "detached"},
}};
constexpr std::array<std::pair<up_counter, const char*>, 5> kSuppressed{{
    {UP_COUNTER_SUPPRESSED_FILTERED, "filtered"},
    {UP_COUNTER_SUPPRESSED_SAMPLED, "sampled"},
    {UP_COUNTER_SUPPRESSED_RATE_LIMITED, "rate_limited"},
    {UP_COUNTER_SUPPRESSED_BUDGET, "budget"},
    {UP_COUNTER_SUPPRESSED_UNSTREAMED, "unstreamed"},
}};
constexpr std::array<std::pair<up_counter, const char*>, 5> kNotInjected{{
    {UP_COUNTER_NOT_INJECTED_OWN_HEADER, "own_header"},
    {UP_COUNTER_NOT_INJECTED_HEADERS, "headers"},
    {UP_COUNTER_NOT_INJECTED_NO_ROOM, "no_room"},
    {UP_COUNTER_NOT_INJECTED_NO_REQUEST, "no_request"},
    {UP_COUNTER_NOT_INJECTED_FAULT, "fault"},
}};

v1::Probe::State StateToProto(control::ProbeState state) {
  switch (state) {
    case control::ProbeState::kPending:
      return v1::Probe::STATE_PENDING;
    case control::ProbeState::kActive:
      return v1::Probe::STATE_ACTIVE;
    case control::ProbeState::kDegraded:
      return v1::Probe::STATE_DEGRADED;
    case control::ProbeState::kWaiting:
      return v1::Probe::STATE_WAITING;
    case control::ProbeState::kDisabled:
      return v1::Probe::STATE_DISABLED;
    case control::ProbeState::kSuspended:
      return v1::Probe::STATE_SUSPENDED;
    case control::ProbeState::kFailed:
      return v1::Probe::STATE_FAILED;
  }
  return v1::Probe::STATE_UNSPECIFIED;
}

v1::ProbeStatus::ThrottleLevel LevelToProto(control::ThrottleLevel level) {
  switch (level) {
    case control::ThrottleLevel::kNone:
      return v1::ProbeStatus::THROTTLE_LEVEL_NONE;
    case control::ThrottleLevel::kSampled:
      return v1::ProbeStatus::THROTTLE_LEVEL_SAMPLED;
    case control::ThrottleLevel::kMetricsOnly:
      return v1::ProbeStatus::THROTTLE_LEVEL_METRICS_ONLY;
    case control::ThrottleLevel::kSuspended:
      return v1::ProbeStatus::THROTTLE_LEVEL_SUSPENDED;
  }
  return v1::ProbeStatus::THROTTLE_LEVEL_UNSPECIFIED;
}

void FillCounters(const control::ProbeStatus& from, v1::ProbeCounters& to) {
  to.set_spans(from.spans);
  for (const auto& [counter, name] : kHits) {
    (*to.mutable_hits())[name] = from.counters.value[counter];
  }
  for (const auto& [counter, name] : kLosses) {
    (*to.mutable_losses())[name] = from.counters.value[counter];
  }
  for (const auto& [counter, name] : kSuppressed) {
    (*to.mutable_suppressed())[name] = from.counters.value[counter];
  }
  to.set_injected(from.counters.value[UP_COUNTER_INJECTED]);
  for (const auto& [counter, name] : kNotInjected) {
    (*to.mutable_not_injected())[name] = from.counters.value[counter];
  }
}

v1::ProbeCondition::Status StatusToProto(control::ConditionStatus status) {
  switch (status) {
    case control::ConditionStatus::kTrue:
      return v1::ProbeCondition::STATUS_TRUE;
    case control::ConditionStatus::kFalse:
      return v1::ProbeCondition::STATUS_FALSE;
    case control::ConditionStatus::kUnknown:
      return v1::ProbeCondition::STATUS_UNKNOWN;
  }
  return v1::ProbeCondition::STATUS_UNSPECIFIED;
}

void AddConditions(const control::ProbeConditions& from, v1::ProbeStatus& to) {
  for (size_t i = 0; i < from.size(); ++i) {
    const auto type = static_cast<control::ConditionType>(i);
    v1::ProbeCondition& condition = *to.add_conditions();
    condition.set_type(std::string(control::Name(type)));
    condition.set_status(StatusToProto(from[i].status));
    control::ConditionText text = control::TextOf(type, from[i]);
    condition.set_reason(std::move(text.reason));
    condition.set_message(ToUtf8(text.message));
    if (from[i].transition_time_unix_ns != 0) {
      *condition.mutable_last_transition_time() = ToTimestamp(from[i].transition_time_unix_ns);
    }
  }
}

int32_t Clamp(uint32_t value) {
  return static_cast<int32_t>(
      std::min(value, static_cast<uint32_t>(std::numeric_limits<int32_t>::max())));
}

}  // namespace

void FillStatus(const control::ProbeStatus& from, v1::ProbeStatus& to) {
  to.set_state(StateToProto(from.state));
  to.set_observed_generation(from.observed_generation);
  if (!from.error.ok()) {
    to.mutable_error()->set_code(static_cast<int>(from.error.code()));
    to.mutable_error()->set_reason(ReasonOf(from.error));
    to.mutable_error()->set_message(ToUtf8(std::string(from.error.message())));
  }
  AddConditions(from.conditions, to);
  if (!from.profile_id.empty()) to.set_profile(ProfileName(from.profile_id));
  to.set_attached_sites(Clamp(from.attached_sites));
  to.set_single_stepped_sites(Clamp(from.single_stepped_sites));
  to.set_attached_binaries(Clamp(from.attached_binaries));
  for (const uint32_t pid : from.pids) to.add_pids(Clamp(pid));
  FillCounters(from, *to.mutable_counters());
  to.set_overhead_ratio(from.overhead_ratio);
  to.set_throttle_level(LevelToProto(from.throttle_level));
  if (from.transition_time_unix_ns != 0) {
    *to.mutable_transition_time() = ToTimestamp(from.transition_time_unix_ns);
  }
}

}  // namespace uprobed::rpc
