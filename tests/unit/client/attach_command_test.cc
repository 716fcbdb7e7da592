#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/client/made_probes.h"

namespace uprobed::client {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(Attach, SendsAllThatWasAskedFor) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_ACTIVE);
  const CommandResult result = RunCommand(daemon, {"attach",
                                                   "--label",
                                                   "team=a",
                                                   "--instrumentation",
                                                   "http_server,http_client",
                                                   "/srv/shop",
                                                   "--name",
                                                   "probes/shop",
                                                   "--service",
                                                   "Shop",
                                                   "--capture-query",
                                                   "--stitch-traces",
                                                   "--framework-routes",
                                                   "--inject-traceparent",
                                                   "--handler-function",
                                                   "--timing",
                                                   "first-byte,body",
                                                   "--allow-suspect-profile",
                                                   "--wait-for-binary",
                                                   "--label",
                                                   "tier=1"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "probes/shop is ACTIVE: 6 sites, 1 process\n");
  const v1::CreateProbeRequest& request = daemon.script.create_probe;
  EXPECT_EQ(request.probe_id(), "shop");
  EXPECT_TRUE(request.allow_missing_binary());
  EXPECT_FALSE(request.validate_only());
  const v1::ProbeSpec& spec = request.probe().spec();
  EXPECT_EQ(spec.binary_path(), "/srv/shop");
  EXPECT_EQ(spec.service_name(), "Shop");
  EXPECT_TRUE(spec.capture_query());
  EXPECT_TRUE(spec.stitch_traces());
  EXPECT_TRUE(spec.timing().server_first_byte());
  EXPECT_TRUE(spec.timing().client_body());
  EXPECT_TRUE(spec.framework_routes());
  EXPECT_TRUE(spec.inject_traceparent());
  EXPECT_TRUE(spec.handler_function());
  EXPECT_TRUE(spec.allow_suspect_profile());
  EXPECT_TRUE(spec.enabled());
  EXPECT_THAT(spec.instrumentations(),
              ElementsAre(v1::INSTRUMENTATION_HTTP_SERVER, v1::INSTRUMENTATION_HTTP_CLIENT));
  EXPECT_THAT(request.probe().labels(), UnorderedElementsAre(Pair("team", "a"), Pair("tier", "1")));
}

TEST(Attach, SendsWhichRequestsBecomeSpans) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_ACTIVE);
  const CommandResult result =
      RunCommand(daemon, {"attach", "/srv/shop", "--method", "GET,PUT", "--path-prefix", "/api",
                          "--path-prefix", "/b", "--status", "5xx,no-response", "--min-duration",
                          "1s50ms", "--sample-ratio", "0.25", "--rate-limit", "100", "--burst",
                          "20", "--only-while-streamed"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const v1::SpanLimits& limits = daemon.script.create_probe.probe().spec().span_limits();
  EXPECT_THAT(limits.methods(), ElementsAre("GET", "PUT"));
  EXPECT_THAT(limits.path_prefixes(), ElementsAre("/api", "/b"));
  EXPECT_THAT(limits.status_classes(), ElementsAre(v1::SpanLimits::STATUS_CLASS_5XX,
                                                   v1::SpanLimits::STATUS_CLASS_NO_RESPONSE));
  EXPECT_EQ(limits.min_duration().seconds(), 1);
  EXPECT_EQ(limits.min_duration().nanos(), 50'000'000);
  EXPECT_EQ(limits.sample_ratio(), 0.25);
  EXPECT_EQ(limits.rate_limit().spans_per_second(), 100);
  EXPECT_EQ(limits.rate_limit().burst(), 20);
  EXPECT_TRUE(limits.only_while_streamed());
}

TEST(Attach, TakesWhatFollowsAFlagForNoValueOfIt) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_ACTIVE);
  EXPECT_EQ(RunCommand(daemon, {"attach", "--only-while-streamed", "/srv/shop"}).exit_code, 0);
  const v1::ProbeSpec& spec = daemon.script.create_probe.probe().spec();
  EXPECT_EQ(spec.binary_path(), "/srv/shop");
  EXPECT_TRUE(spec.span_limits().only_while_streamed());
  EXPECT_EQ(RunCommand(daemon, {"attach", "/srv/shop"}).exit_code, 0);
  EXPECT_FALSE(daemon.script.create_probe.probe().spec().span_limits().only_while_streamed());
}

TEST(Attach, SendsABudgetOfOverheadOnlyWhereOneIsGiven) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_ACTIVE);
  EXPECT_EQ(RunCommand(daemon, {"attach", "/srv/shop"}).exit_code, 0);
  EXPECT_FALSE(daemon.script.create_probe.probe().spec().has_max_overhead());
  EXPECT_EQ(RunCommand(daemon, {"attach", "/srv/shop", "--max-overhead", "5%"}).exit_code, 0);
  EXPECT_DOUBLE_EQ(daemon.script.create_probe.probe().spec().max_overhead(), 0.05);
  EXPECT_EQ(RunCommand(daemon, {"attach", "/srv/shop", "--max-overhead", "unlimited"}).exit_code,
            0);
  EXPECT_TRUE(daemon.script.create_probe.probe().spec().has_max_overhead());
  EXPECT_EQ(daemon.script.create_probe.probe().spec().max_overhead(), 0);
  EXPECT_THAT(RunCommand(daemon, {"attach", "/srv/shop", "--max-overhead", "little"}).err,
              HasSubstr("write 1%, 0.01 or unlimited"));
}

TEST(Attach, SaysHowToWriteWhichRequestsBecomeSpans) {
  FakeDaemon daemon;
  EXPECT_THAT(RunCommand(daemon, {"attach", "/srv/shop", "--status", "500"}).err,
              HasSubstr("there are 1xx to 5xx"));
  EXPECT_THAT(RunCommand(daemon, {"attach", "/srv/shop", "--sample-ratio", "half"}).err,
              HasSubstr("--sample-ratio 0.5"));
  EXPECT_THAT(RunCommand(daemon, {"attach", "/srv/shop", "--rate-limit", "5/s"}).err,
              HasSubstr("--rate-limit 0.5"));
  EXPECT_NE(RunCommand(daemon, {"attach", "/srv/shop", "--burst", "5"}).exit_code, 0);
  EXPECT_THAT(RunCommand(daemon, {"attach", "/srv/shop", "--only-while-streamed=no"}).err,
              HasSubstr("--only-while-streamed=none"));
}

TEST(Attach, SendsAProcessInsteadOfAPath) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_ACTIVE);
  EXPECT_EQ(RunCommand(daemon, {"attach", "--pid", "4321"}).exit_code, 0);
  EXPECT_EQ(daemon.script.create_probe.probe().spec().pid(), 4321);
  EXPECT_FALSE(daemon.script.create_probe.probe().spec().has_binary_path());
}

TEST(Attach, MakesARelativePathAbsolute) {
  FakeDaemon daemon;
  EXPECT_EQ(RunCommand(daemon, {"attach", "./no-such-directory/shop"}).exit_code, 0);
  EXPECT_EQ(daemon.script.create_probe.probe().spec().binary_path(),
            (std::filesystem::current_path() / "no-such-directory/shop").string());
}

TEST(Attach, TakesAPathThatIsNamedLikeACommand) {
  FakeDaemon daemon;
  EXPECT_EQ(RunCommand(daemon, {"attach", "probes"}).exit_code, 0);
  EXPECT_EQ(daemon.script.create_probe.probe().spec().binary_path(),
            (std::filesystem::current_path() / "probes").string());
}

TEST(Attach, OnADryRunSaysThatNothingWasChanged) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_PENDING);
  const CommandResult result = RunCommand(daemon, {"attach", "/srv/shop", "--dry-run"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(daemon.script.create_probe.validate_only());
  EXPECT_THAT(result.out, HasSubstr("nothing was changed"));
}

TEST(Attach, ThatIsDegradedExitsWith3AndSaysWhy) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_DEGRADED);
  SetError(daemon.script.probe, grpc::StatusCode::FAILED_PRECONDITION, "SITE_NOT_FOUND", "no site");
  const CommandResult result = RunCommand(daemon, {"attach", "/srv/shop"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.err, "warning: SITE_NOT_FOUND: no site\n");
}

TEST(Attach, ThatFailedExitsWithTheCodeOfTheProbesError) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_FAILED);
  SetError(daemon.script.probe, grpc::StatusCode::FAILED_PRECONDITION, "KERNEL_FEATURE_MISSING",
           "no ring buffer");
  const CommandResult result = RunCommand(daemon, {"attach", "/srv/shop"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("probes/shop is kept, but failed: no ring buffer"),
                    HasSubstr("reason: KERNEL_FEATURE_MISSING"), HasSubstr("uprobectl doctor")));
  daemon.script.probe.mutable_status()->clear_error();
  EXPECT_EQ(RunCommand(daemon, {"attach", "/srv/shop"}).exit_code, 1);
}

TEST(Attach, ThatWaitsIsNoError) {
  FakeDaemon daemon;
  daemon.script.probe = MakeProbe("shop", v1::Probe::STATE_WAITING);
  const CommandResult result = RunCommand(daemon, {"attach", "/srv/shop", "--wait-for-binary"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("warning: the program is not there yet"));
}

}  // namespace
}  // namespace uprobed::client
