#include "server/rpc/convert_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "server/base/errors.h"
#include "server/rpc/probe_change.h"

namespace uprobed::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

v1::Probe Wish() {
  v1::Probe probe;
  probe.mutable_spec()->set_binary_path("/srv/shop");
  return probe;
}

std::string Refusal(const v1::Probe& probe) { return ReasonOf(FromProto(probe).status()); }

TEST(ProbeFromProto, DefaultsToEnabled) {
  v1::Probe probe = Wish();
  EXPECT_TRUE(FromProto(probe)->spec.enabled);
  probe.mutable_spec()->set_enabled(false);
  EXPECT_FALSE(FromProto(probe)->spec.enabled);
}

TEST(ProbeFromProto, TakesEachFieldThatACallerChooses) {
  v1::Probe probe = Wish();
  probe.mutable_spec()->set_pid(7);
  probe.mutable_spec()->add_instrumentations(v1::INSTRUMENTATION_HTTP_CLIENT);
  probe.mutable_spec()->add_instrumentations(v1::INSTRUMENTATION_HTTP_CLIENT);
  probe.mutable_spec()->set_capture_query(true);
  probe.mutable_spec()->set_allow_suspect_profile(true);
  probe.mutable_spec()->set_stitch_traces(true);
  probe.mutable_spec()->set_framework_routes(true);
  probe.mutable_spec()->set_inject_traceparent(true);
  probe.mutable_spec()->set_handler_function(true);
  probe.mutable_spec()->mutable_span_limits()->set_sample_ratio(0.5);
  probe.mutable_spec()->set_max_overhead(0.25);
  probe.mutable_spec()->mutable_causality()->set_channels(true);
  probe.mutable_spec()->mutable_timing()->set_client_body(true);
  probe.mutable_spec()->set_service_name("till");
  (*probe.mutable_labels())["team"] = "shop";

  const auto record = FromProto(probe);

  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->spec.pid, 7U);
  EXPECT_EQ(record->spec.binary_path, "");
  EXPECT_THAT(record->spec.instrumentations, ElementsAre(profile::Instrumentation::kHttpClient));
  EXPECT_TRUE(record->spec.capture_query);
  EXPECT_TRUE(record->spec.allow_suspect_profile);
  EXPECT_TRUE(record->spec.stitch_traces);
  EXPECT_TRUE(record->spec.framework_routes);
  EXPECT_TRUE(record->spec.inject_traceparent);
  EXPECT_TRUE(record->spec.handler_function);
  EXPECT_EQ(record->spec.span_limits.sample_ratio, 0.5);
  EXPECT_EQ(record->spec.max_overhead, 0.25);
  EXPECT_FALSE(record->spec.causality_goroutines);
  EXPECT_TRUE(record->spec.causality_channels);
  EXPECT_FALSE(record->spec.server_first_byte);
  EXPECT_TRUE(record->spec.client_body);
  EXPECT_EQ(record->spec.service_name, "till");
  EXPECT_THAT(record->labels, ElementsAre(Pair("team", "shop")));
}

TEST(ProbeFromProto, HasABudgetOfOverheadUnlessItIsTakenBack) {
  EXPECT_EQ(FromProto(Wish())->spec.max_overhead, 0.01);
  v1::Probe probe = Wish();
  probe.mutable_spec()->set_max_overhead(0);
  EXPECT_EQ(FromProto(probe)->spec.max_overhead, 0);
  probe.mutable_spec()->set_max_overhead(1);
  EXPECT_EQ(FromProto(probe)->spec.max_overhead, 1);
}

TEST(ProbeFromProto, RefusesABudgetThatIsNone) {
  for (const double ratio :
       {-0.01, 1e6, std::numeric_limits<double>::infinity(),
        -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    v1::Probe probe = Wish();
    probe.mutable_spec()->set_max_overhead(ratio);
    EXPECT_EQ(Refusal(probe), "MAX_OVERHEAD_INVALID") << ratio;
  }
}

TEST(ProbeFromProto, NeedsATarget) {
  EXPECT_EQ(Refusal(v1::Probe()), "TARGET_MISSING");
  v1::Probe probe;
  probe.mutable_spec()->set_binary_path("");
  EXPECT_EQ(Refusal(probe), "TARGET_MISSING");
}

TEST(ProbeFromProto, RefusesABadTarget) {
  v1::Probe probe = Wish();
  probe.mutable_spec()->set_binary_path("shop");
  EXPECT_EQ(Refusal(probe), "TARGET_NOT_ABSOLUTE");
  probe.mutable_spec()->set_binary_path(std::string("/a\0b", 4));
  EXPECT_EQ(Refusal(probe), "PATH_MALFORMED");
  probe.mutable_spec()->set_binary_path("/" + std::string(4096, 'a'));
  EXPECT_EQ(Refusal(probe), "PATH_MALFORMED");
  for (const int32_t pid : {0, -1}) {
    probe.mutable_spec()->set_pid(pid);
    EXPECT_EQ(Refusal(probe), "PID_INVALID");
  }
}

TEST(ProbeFromProto, RefusesInstrumentationsThatItDoesNotKnow) {
  for (const int value : {0, 3, 4, 7, -1}) {
    v1::Probe probe = Wish();
    probe.mutable_spec()->mutable_instrumentations()->Add(value);
    const absl::Status status = FromProto(probe).status();
    EXPECT_EQ(ReasonOf(status), "INSTRUMENTATION_UNKNOWN");
    EXPECT_EQ(MetadataOf(status)["field"], "probe.spec.instrumentations");
  }
}

TEST(ProbeFromProto, BoundsLabelsAndServiceName) {
  v1::Probe probe = Wish();
  probe.mutable_spec()->set_service_name(std::string(256, 's'));
  EXPECT_EQ(Refusal(probe), "SERVICE_NAME_INVALID");
  for (const auto& [key, value] : {std::pair(std::string(), std::string("v")),
                                   std::pair(std::string(64, 'k'), std::string("v")),
                                   std::pair(std::string("k"), std::string(256, 'v'))}) {
    probe = Wish();
    (*probe.mutable_labels())[key] = value;
    EXPECT_EQ(Refusal(probe), "LABELS_INVALID");
  }
  probe = Wish();
  for (int i = 0; i < 65; ++i) (*probe.mutable_labels())[std::to_string(i)] = "v";
  EXPECT_EQ(Refusal(probe), "LABELS_INVALID");
}

control::Probe Present() {
  control::Probe probe;
  probe.record.id = "shop";
  probe.record.uid = "u";
  probe.record.generation = 3;
  probe.record.spec.binary_path = "/srv/shop\xFF";
  probe.record.spec.instrumentations = {profile::Instrumentation::kHttpServer};
  probe.record.create_time_unix_ns = 1'500'000'000;
  return probe;
}

TEST(ProbeToProto, TellsCountersByName) {
  control::Probe probe = Present();
  for (uint64_t i = 0; i < UP_COUNTER_COUNT; ++i) probe.status.counters.value[i] = 100 + i;
  probe.status.spans = 7;

  const v1::ProbeCounters counters = ToProto(probe).status().counters();

  EXPECT_EQ(counters.spans(), 7U);
  EXPECT_THAT(
      counters.hits(),
      UnorderedElementsAre(
          Pair("server_start", 100), Pair("server_end", 101), Pair("client_start", 102),
          Pair("client_end", 103), Pair("server_recover", 113), Pair("server_refused", 114),
          Pair("http2_server_start", 115), Pair("http2_server_end", 116),
          Pair("http2_server_unfinished", 117), Pair("client_connection", 118),
          Pair("goroutine_start", 119), Pair("timer", 120), Pair("channel_send", 121),
          Pair("channel_receive", 122), Pair("server_first_byte", 131), Pair("client_body", 132),
          Pair("grpc_server_start", 126), Pair("grpc_server_end", 127),
          Pair("grpc_client_start", 128), Pair("grpc_client_end", 129), Pair("server_route", 134),
          Pair("http2_client_attempt", 141), Pair("http2_client_stream", 142),
          Pair("http2_client_headers", 143), Pair("client_headers", 144),
          Pair("server_handler", 151)));
  EXPECT_THAT(
      counters.losses(),
      UnorderedElementsAre(Pair("ring_full", 105), Pair("map_full", 106), Pair("no_start", 107),
                           Pair("abandoned", 108), Pair("read_fault", 109), Pair("preempted", 139),
                           Pair("process_exited", 155), Pair("detached", 156)));
  EXPECT_THAT(
      counters.suppressed(),
      UnorderedElementsAre(Pair("filtered", 136), Pair("sampled", 137), Pair("rate_limited", 138),
                           Pair("budget", 157), Pair("unstreamed", 158)));
  EXPECT_EQ(counters.injected(), 145U);
  EXPECT_THAT(
      counters.not_injected(),
      UnorderedElementsAre(Pair("own_header", 146), Pair("headers", 147), Pair("no_room", 148),
                           Pair("no_request", 149), Pair("fault", 150)));
}

TEST(ProbeToProto, TellsNameEtagAndTarget) {
  control::Probe probe = Present();
  v1::Probe told = ToProto(probe);
  EXPECT_EQ(told.name(), "probes/shop");
  EXPECT_EQ(told.etag(), "u-3");
  EXPECT_EQ(told.create_time().seconds(), 1);
  EXPECT_EQ(told.create_time().nanos(), 500'000'000);
  EXPECT_EQ(told.spec().binary_path(), "/srv/shop\xEF\xBF\xBD");
  EXPECT_TRUE(told.spec().has_enabled());
  EXPECT_FALSE(told.status().has_error());

  probe.record.spec.pid = 7;
  told = ToProto(probe);
  EXPECT_EQ(told.spec().pid(), 7);
  EXPECT_EQ(told.status().binary_path(), "/srv/shop\xEF\xBF\xBD");
}

TEST(ProbeToProto, TellsStateAndItsReason) {
  control::Probe probe = Present();
  probe.status.state = control::ProbeState::kFailed;
  probe.status.error = MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND", "none");
  probe.status.profile_id = "abc";
  probe.status.pids = {1, 4'000'000'000};

  const v1::ProbeStatus status = ToProto(probe).status();

  EXPECT_EQ(status.state(), v1::Probe::STATE_FAILED);
  EXPECT_EQ(status.error().code(), 9);
  EXPECT_EQ(status.error().reason(), "SITE_NOT_FOUND");
  EXPECT_EQ(status.error().message(), "none");
  EXPECT_EQ(status.profile(), "profiles/abc");
  EXPECT_THAT(status.pids(), ElementsAre(1, 2'147'483'647));
}

TEST(ProbeToProto, TellsAllConditions) {
  control::Probe probe = Present();
  probe.status.conditions[0] = control::MakeCondition(absl::OkStatus());
  probe.status.conditions[0].transition_time_unix_ns = 2'000'000'000;
  probe.status.conditions[1] = control::MakeCondition(
      MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND", "none\xFF"));

  const v1::ProbeStatus status = ToProto(probe).status();

  ASSERT_EQ(status.conditions_size(), 4);
  EXPECT_EQ(status.conditions(0).type(), "Attached");
  EXPECT_EQ(status.conditions(0).status(), v1::ProbeCondition::STATUS_TRUE);
  EXPECT_EQ(status.conditions(0).reason(), "SITES_ATTACHED");
  EXPECT_FALSE(status.conditions(0).message().empty());
  EXPECT_EQ(status.conditions(0).last_transition_time().seconds(), 2);
  EXPECT_EQ(status.conditions(1).type(), "Complete");
  EXPECT_EQ(status.conditions(1).status(), v1::ProbeCondition::STATUS_FALSE);
  EXPECT_EQ(status.conditions(1).reason(), "SITE_NOT_FOUND");
  EXPECT_EQ(status.conditions(1).message(), "none\xEF\xBF\xBD");
  EXPECT_EQ(status.conditions(2).type(), "FieldsConsistent");
  EXPECT_EQ(status.conditions(2).status(), v1::ProbeCondition::STATUS_UNKNOWN);
  EXPECT_FALSE(status.conditions(2).has_last_transition_time());
  EXPECT_EQ(status.conditions(3).type(), "WithinBudget");
}

TEST(ProbeToProto, HasAStateForEachOfTheControllers) {
  using control::ProbeState;
  for (const auto& [from, to] : {std::pair(ProbeState::kPending, v1::Probe::STATE_PENDING),
                                 std::pair(ProbeState::kActive, v1::Probe::STATE_ACTIVE),
                                 std::pair(ProbeState::kDegraded, v1::Probe::STATE_DEGRADED),
                                 std::pair(ProbeState::kWaiting, v1::Probe::STATE_WAITING),
                                 std::pair(ProbeState::kDisabled, v1::Probe::STATE_DISABLED),
                                 std::pair(ProbeState::kSuspended, v1::Probe::STATE_SUSPENDED),
                                 std::pair(ProbeState::kFailed, v1::Probe::STATE_FAILED)}) {
    control::Probe probe = Present();
    probe.status.state = from;
    EXPECT_EQ(ToProto(probe).status().state(), to);
  }
}

TEST(ProbeToProto, TellsTheBudgetAndWhatIsLeftOfTheProbe) {
  using control::ThrottleLevel;
  for (const auto& [from, to] :
       {std::pair(ThrottleLevel::kNone, v1::ProbeStatus::THROTTLE_LEVEL_NONE),
        std::pair(ThrottleLevel::kSampled, v1::ProbeStatus::THROTTLE_LEVEL_SAMPLED),
        std::pair(ThrottleLevel::kMetricsOnly, v1::ProbeStatus::THROTTLE_LEVEL_METRICS_ONLY),
        std::pair(ThrottleLevel::kSuspended, v1::ProbeStatus::THROTTLE_LEVEL_SUSPENDED)}) {
    control::Probe probe = Present();
    probe.record.spec.max_overhead = 0;
    probe.status.overhead_ratio = 0.125;
    probe.status.throttle_level = from;

    const v1::Probe told = ToProto(probe);

    // Not left out: that would be the default.
    EXPECT_TRUE(told.spec().has_max_overhead());
    EXPECT_EQ(told.spec().max_overhead(), 0);
    EXPECT_EQ(told.status().overhead_ratio(), 0.125);
    EXPECT_EQ(told.status().throttle_level(), to);
  }
}

TEST(ApplyChange, ChangesTheBudgetOnlyWhereItIsNamed) {
  control::Probe present = Present();
  present.record.spec.max_overhead = 0.5;
  v1::Probe change;
  change.mutable_spec()->set_max_overhead(0);

  EXPECT_EQ(ApplyChange(change, {"labels"}, present.record)->spec.max_overhead, 0.5);
  EXPECT_EQ(ApplyChange(change, {"spec.max_overhead"}, present.record)->spec.max_overhead, 0);
  // Named and not set is back to the default.
  change.mutable_spec()->clear_max_overhead();
  EXPECT_EQ(ApplyChange(change, {"spec.max_overhead"}, present.record)->spec.max_overhead, 0.01);
}

TEST(ApplyChange, ChangesOnlyWhatIsNamed) {
  v1::Probe change;
  change.mutable_spec()->set_service_name("till");
  change.mutable_spec()->set_enabled(false);
  (*change.mutable_labels())["a"] = "b";

  const auto changed = ApplyChange(change, {"spec.enabled"}, Present().record);

  ASSERT_TRUE(changed.ok()) << changed.status();
  store::ProbeRecord expected = Present().record;
  expected.spec.enabled = false;
  EXPECT_EQ(*changed, expected);
}

TEST(ApplyChange, NeverChangesTheTarget) {
  const auto refusal = [](const v1::Probe& change, const std::set<std::string>& fields) {
    return ReasonOf(ApplyChange(change, fields, Present().record).status());
  };
  v1::Probe change;
  change.mutable_spec()->set_binary_path("/srv/other");
  EXPECT_EQ(refusal(change, UpdatableFields()), "TARGET_IMMUTABLE");
  change.mutable_spec()->set_pid(7);
  EXPECT_EQ(refusal(change, UpdatableFields()), "TARGET_IMMUTABLE");
  EXPECT_TRUE(ApplyChange(change, {"labels"}, Present().record).ok());
  change.mutable_spec()->set_binary_path(Present().record.spec.binary_path);
  EXPECT_TRUE(ApplyChange(change, UpdatableFields(), Present().record).ok());
}

}  // namespace
}  // namespace uprobed::rpc
