#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/client/made_probes.h"

namespace uprobed::client {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Detach, ForgetsTheProbe) {
  FakeDaemon daemon;
  const CommandResult result = RunCommand(daemon, {"detach", "shop"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "probes/shop is detached and forgotten\n");
  EXPECT_EQ(daemon.script.delete_probe.name(), "probes/shop");
  EXPECT_FALSE(daemon.script.delete_probe.allow_missing());
}

TEST(Detach, WithKeepOnlyDisables) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_DISABLED);
  const CommandResult result = RunCommand(daemon, {"detach", "probes/shop", "--keep"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("DISABLED"));
  EXPECT_EQ(daemon.script.delete_probe.name(), "");
  EXPECT_EQ(daemon.script.update_probe.probe().name(), "probes/shop");
  EXPECT_FALSE(daemon.script.update_probe.probe().spec().enabled());
  EXPECT_THAT(daemon.script.update_probe.update_mask().paths(), ElementsAre("spec.enabled"));
}

TEST(Probe, IsUpdatedByTheOptionsGivenOnly) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_ACTIVE);
  ASSERT_EQ(RunCommand(daemon, {"probe", "update", "shop", "--sample-ratio", "none", "--method",
                                "none", "--rate-limit", "5"})
                .exit_code,
            0);
  const v1::UpdateProbeRequest& request = daemon.script.update_probe;
  EXPECT_THAT(request.update_mask().paths(),
              ElementsAre("spec.span_limits.methods", "spec.span_limits.sample_ratio",
                          "spec.span_limits.rate_limit"));
  const v1::SpanLimits& limits = request.probe().spec().span_limits();
  EXPECT_FALSE(limits.has_sample_ratio());
  EXPECT_THAT(limits.methods(), ElementsAre());
  EXPECT_EQ(limits.rate_limit().spans_per_second(), 5);

  ASSERT_EQ(RunCommand(daemon, {"probe", "update", "shop", "--causality", "goroutines"}).exit_code,
            0);
  EXPECT_THAT(daemon.script.update_probe.update_mask().paths(), ElementsAre("spec.causality"));
}

TEST(Probe, MakesSpansOnlyWhileTheyAreStreamedOrAlways) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_ACTIVE);
  const v1::UpdateProbeRequest& request = daemon.script.update_probe;
  for (const auto& [option, only] :
       {std::pair{"--only-while-streamed", true}, {"--only-while-streamed=none", false}}) {
    ASSERT_EQ(RunCommand(daemon, {"probe", "update", "shop", option}).exit_code, 0);
    EXPECT_THAT(request.update_mask().paths(), ElementsAre("spec.span_limits.only_while_streamed"));
    EXPECT_EQ(request.probe().spec().span_limits().only_while_streamed(), only);
  }
}

TEST(Probe, IsGivenAnotherBudgetOfOverhead) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_ACTIVE);
  ASSERT_EQ(RunCommand(daemon, {"probe", "update", "shop", "--max-overhead", "0.2"}).exit_code, 0);
  EXPECT_THAT(daemon.script.update_probe.update_mask().paths(), ElementsAre("spec.max_overhead"));
  EXPECT_EQ(daemon.script.update_probe.probe().spec().max_overhead(), 0.2);
}

TEST(Probe, ShowsWhatItCostsAndMayCost) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_SUSPENDED);
  v1::Probe& probe = daemon.script.probe;
  probe.mutable_spec()->set_max_overhead(0.01);
  probe.mutable_status()->set_overhead_ratio(0.00423);
  const auto shown = [&daemon](v1::ProbeStatus::ThrottleLevel level) {
    daemon.script.probe.mutable_status()->set_throttle_level(level);
    return RunCommand(daemon, {"probe", "describe", "shop"}).out;
  };
  EXPECT_THAT(shown(v1::ProbeStatus::THROTTLE_LEVEL_NONE), HasSubstr("0.423% of 1%\n"));
  EXPECT_THAT(shown(v1::ProbeStatus::THROTTLE_LEVEL_SAMPLED), HasSubstr("0.423% of 1%, sampled\n"));
  EXPECT_THAT(shown(v1::ProbeStatus::THROTTLE_LEVEL_METRICS_ONLY),
              HasSubstr("0.423% of 1%, metrics only\n"));
  EXPECT_THAT(shown(v1::ProbeStatus::THROTTLE_LEVEL_SUSPENDED),
              AllOf(HasSubstr("SUSPENDED"), HasSubstr("0.423% of 1%, suspended\n")));
  probe.mutable_spec()->set_max_overhead(0);
  EXPECT_THAT(shown(v1::ProbeStatus::THROTTLE_LEVEL_NONE), HasSubstr("0.423%\n"));
}

TEST(Probe, ShowsWhatIsTrueOfItAndSinceWhen) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_DEGRADED);
  v1::ProbeStatus& status = *daemon.script.probe.mutable_status();
  const auto add = [&status](const std::string& type, v1::ProbeCondition::Status is) {
    v1::ProbeCondition& condition = *status.add_conditions();
    condition.set_type(type);
    condition.set_status(is);
    condition.set_reason("REASON_OF_" + type);
    condition.set_message("a sentence");
    condition.mutable_last_transition_time()->set_seconds(1'700'000'000);
  };
  add("Attached", v1::ProbeCondition::STATUS_TRUE);
  add("WithinBudget", v1::ProbeCondition::STATUS_FALSE);
  add("Complete", v1::ProbeCondition::STATUS_UNKNOWN);
  const std::string shown = RunCommand(daemon, {"probe", "describe", "shop"}).out;
  EXPECT_THAT(shown, ContainsRegex("Attached: +yes, since 2023-11-14"));
  EXPECT_THAT(
      shown,
      ContainsRegex("WithinBudget: +no, since 2023-11-14.*: REASON_OF_WithinBudget: a sentence"));
  EXPECT_THAT(shown, ContainsRegex("Complete: +unknown"));
}

TEST(Probe, IsNotUpdatedByNothing) {
  FakeDaemon daemon;
  const CommandResult result = RunCommand(daemon, {"probe", "update", "shop"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("give at least one option"));
}

TEST(Probe, ShowsWhichRequestsBecomeSpansAndHowManyDidNot) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_ACTIVE);
  v1::SpanLimits& limits = *daemon.script.probe.mutable_spec()->mutable_span_limits();
  limits.add_methods("GET");
  limits.add_path_prefixes("/api");
  limits.add_status_classes(v1::SpanLimits::STATUS_CLASS_5XX);
  limits.mutable_min_duration()->set_nanos(50'000'000);
  limits.set_sample_ratio(0.1);
  limits.mutable_rate_limit()->set_spans_per_second(100);
  limits.mutable_rate_limit()->set_burst(20);
  limits.set_only_while_streamed(true);
  (*daemon.script.probe.mutable_status()->mutable_counters()->mutable_suppressed())["sampled"] = 7;

  const CommandResult result = RunCommand(daemon, {"probe", "describe", "shop"});

  EXPECT_THAT(result.out,
              AllOf(HasSubstr("methods GET, paths /api, 5xx, 50ms and more, 0.1 of traces, 100/s "
                              "in bursts of 20, only while streamed"),
                    HasSubstr("sampled=7")));
}

TEST(Probe, IsEnabledAndDisabledByTheSameMask) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_ACTIVE);
  EXPECT_EQ(RunCommand(daemon, {"probe", "enable", "shop"}).exit_code, 0);
  EXPECT_TRUE(daemon.script.update_probe.probe().spec().enabled());
  EXPECT_EQ(RunCommand(daemon, {"probe", "disable", "shop"}).exit_code, 0);
  EXPECT_TRUE(daemon.script.update_probe.probe().spec().has_enabled());
  EXPECT_FALSE(daemon.script.update_probe.probe().spec().enabled());
  EXPECT_THAT(daemon.script.update_probe.update_mask().paths(), ElementsAre("spec.enabled"));
}

TEST(ProbeUpdate, ChangesOnlyWhatIsNamed) {
  FakeDaemon daemon;

  EXPECT_EQ(RunCommand(daemon, {"probe", "update", "shop", "--timing", "body"}).exit_code, 0);
  EXPECT_THAT(daemon.script.update_probe.update_mask().paths(), ElementsAre("spec.timing"));
  EXPECT_TRUE(daemon.script.update_probe.probe().spec().timing().client_body());
  EXPECT_FALSE(daemon.script.update_probe.probe().spec().timing().server_first_byte());

  EXPECT_EQ(RunCommand(daemon,
                       {"probe", "update", "shop", "--timing", "none", "--causality", "goroutines"})
                .exit_code,
            0);
  EXPECT_THAT(daemon.script.update_probe.update_mask().paths(),
              ElementsAre("spec.causality", "spec.timing"));
  EXPECT_FALSE(daemon.script.update_probe.probe().spec().timing().client_body());

  EXPECT_EQ(RunCommand(daemon, {"probe", "update", "shop"}).exit_code, 2);
  EXPECT_EQ(RunCommand(daemon, {"probe", "update", "shop", "--timing", "last-byte"}).exit_code, 2);
}

TEST(Probes, ListsEveryPage) {
  FakeDaemon daemon;
  daemon.script.probe_pages.resize(2);
  *daemon.script.probe_pages[0].add_probes() = MakeProbe("a", v1::Probe::STATE_ACTIVE);
  daemon.script.probe_pages[0].set_next_page_token("more");
  *daemon.script.probe_pages[1].add_probes() = MakeProbe("b", v1::Probe::STATE_WAITING);
  const CommandResult result = RunCommand(daemon, {"probes", "-o", "json"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(daemon.script.probe_page_tokens, ElementsAre("", "more"));
  v1::ListProbesResponse listed;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &listed).ok());
  ASSERT_EQ(listed.probes_size(), 2);
  EXPECT_EQ(listed.probes(1).name(), "probes/b");
  EXPECT_EQ(listed.next_page_token(), "");
}

TEST(Probes, AreATable) {
  FakeDaemon daemon;
  daemon.script.probe_pages.resize(1);
  v1::Probe& shop = *daemon.script.probe_pages[0].add_probes();
  shop = MakeProbe("shop", v1::Probe::STATE_ACTIVE);
  shop.mutable_spec()->set_service_name("Shop");
  shop.mutable_status()->mutable_counters()->set_spans(1234);
  (*shop.mutable_status()->mutable_counters()->mutable_losses())["ring_full"] = 2;
  (*shop.mutable_status()->mutable_counters()->mutable_losses())["map_full"] = 3;
  shop.mutable_spec()->set_max_overhead(0.01);
  shop.mutable_status()->set_overhead_ratio(0.00423);
  v1::Probe& stock = *daemon.script.probe_pages[0].add_probes();
  stock = MakeProbe("stock", v1::Probe::STATE_DEGRADED);
  stock.mutable_spec()->set_pid(77);
  stock.mutable_status()->set_binary_path("/srv/st\x1bock");
  stock.mutable_status()->set_single_stepped_sites(1);
  EXPECT_EQ(RunCommand(daemon, {"probes"}).out,
            "NAME   STATE     TARGET                   SERVICE  SITES                 PIDS  SPANS"
            "  LOST  OVERHEAD      AGE\n"
            "shop   ACTIVE    /srv/shop                Shop     6                        1   1234"
            "     5  0.423% of 1%    -\n"
            "stock  DEGRADED  pid 77 (/srv/st\\x1bock)  -        6 (1 single-stepped)     1      0"
            "     0  0%              -\n");
}

TEST(Probes, WithoutAnyLeaveStdoutEmpty) {
  FakeDaemon daemon;
  const CommandResult result = RunCommand(daemon, {"probe", "list"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("uprobectl attach PATH"));
}

TEST(ProbeDescribe, ShowsStateErrorAndCounts) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_DEGRADED);
  SetError(daemon.script.probe, grpc::StatusCode::NOT_FOUND, "SITE_NOT_FOUND", "bad\x1b[2J");
  v1::ProbeCounters& counters = *daemon.script.probe.mutable_status()->mutable_counters();
  (*counters.mutable_hits())["server_start"] = 5;
  (*counters.mutable_hits())["server_end"] = 4;
  const CommandResult result = RunCommand(daemon, {"probe", "describe", "shop"});
  EXPECT_EQ(daemon.script.get_probe.name(), "probes/shop");
  EXPECT_THAT(result.out, AllOf(HasSubstr("state:             DEGRADED\n"),
                                HasSubstr("SITE_NOT_FOUND: bad\\x1b[2J\n"),
                                HasSubstr("server_end=4 server_start=5\n"),
                                HasSubstr("enabled:           yes\n"), Not(HasSubstr("\x1b"))));
}

TEST(ProbeWatch, ShowsOneLineForEachChange) {
  FakeDaemon daemon;
  daemon.script.probe_events.resize(3);
  daemon.script.probe_events[0].set_type(v1::WatchProbesResponse::TYPE_ADDED);
  *daemon.script.probe_events[0].mutable_probe() = MakeProbe("shop", v1::Probe::STATE_ACTIVE);
  daemon.script.probe_events[1].set_type(v1::WatchProbesResponse::TYPE_BOOKMARK);
  daemon.script.probe_events[2].set_type(v1::WatchProbesResponse::TYPE_DELETED);
  *daemon.script.probe_events[2].mutable_probe() = MakeProbe("shop", v1::Probe::STATE_FAILED);
  SetError(*daemon.script.probe_events[2].mutable_probe(), grpc::StatusCode::INTERNAL, "X", "y");
  EXPECT_EQ(RunCommand(daemon, {"probe", "watch"}).out,
            "ADDED     ACTIVE    shop  6 sites  1 pids\n"
            "DELETED   FAILED    shop  6 sites  1 pids  X: y\n");
  const CommandResult json = RunCommand(daemon, {"probe", "watch", "-o", "json"});
  const std::vector<std::string> lines = Lines(json.out);
  ASSERT_EQ(lines.size(), 3U);
  for (const std::string& line : lines) EXPECT_TRUE(IsJsonObject(line)) << line;
}

}  // namespace
}  // namespace uprobed::client
