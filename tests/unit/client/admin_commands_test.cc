#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/fake_daemon.h"

namespace uprobed::client {
namespace {

using grpc::health::v1::HealthCheckResponse;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Diagnostic = v1::RunDiagnosticsResponse::Diagnostic;

void SetReady(FakeDaemon& daemon) {
  daemon.script.health.set_status(HealthCheckResponse::SERVING);
  daemon.script.node.set_version("0.1.0");
  v1::Node::Condition* condition = daemon.script.node.add_conditions();
  condition->set_type("KernelReady");
  condition->set_ok(true);
}

TEST(Status, OfAReadyDaemonExitsWith0) {
  FakeDaemon daemon;
  SetReady(daemon);
  v1::Node::Feature* feature = daemon.script.node.add_features();
  feature->set_name("uprobe_multi");
  const CommandResult result = RunCommand(daemon, {"status"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("SERVING"), HasSubstr(daemon.address()),
                                HasSubstr("KernelReady  yes"), HasSubstr("uprobe_multi  no")));
  const CommandResult json = RunCommand(daemon, {"status", "-o", "json"});
  EXPECT_TRUE(IsJsonObject(json.out)) << json.out;
  EXPECT_THAT(json.out, HasSubstr(R"({"health":"SERVING","node":{"version":"0.1.0")"));
}

TEST(Status, BeforeTheReconcileExitsWith3) {
  FakeDaemon daemon;
  SetReady(daemon);
  daemon.script.health.set_status(HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(RunCommand(daemon, {"status"}).exit_code, 3);
}

TEST(Status, WithAFailedConditionExitsWith3AndNamesIt) {
  FakeDaemon daemon;
  SetReady(daemon);
  v1::Node::Condition* condition = daemon.script.node.mutable_conditions(0);
  condition->set_ok(false);
  condition->set_reason("KERNEL_FEATURE_MISSING");
  condition->set_message("no ring buffer");
  const CommandResult result = RunCommand(daemon, {"status"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.out, HasSubstr("KernelReady  NO  KERNEL_FEATURE_MISSING  no ring buffer"));
}

TEST(Status, WithoutADaemonExitsWith4) {
  EXPECT_EQ(RunCommand({"--address", "unix:/nonexistent/socket", "status"}).exit_code, 4);
}

TEST(Doctor, ExitsWith3WhereACheckFailed) {
  FakeDaemon daemon;
  Diagnostic* check = daemon.script.diagnostics.add_diagnostics();
  check->set_check("capabilities");
  check->set_verdict(Diagnostic::VERDICT_PASS);
  check = daemon.script.diagnostics.add_diagnostics();
  check->set_check("tracefs");
  check->set_verdict(Diagnostic::VERDICT_WARNING);
  check->set_message("not mounted");
  check->set_remedy("mount it");
  CommandResult result = RunCommand(daemon, {"doctor"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out,
            "CHECK         VERDICT  MESSAGE\n"
            "capabilities  pass     -\n"
            "tracefs       warning  not mounted\n"
            "tracefs: mount it\n");
  check->set_verdict(Diagnostic::VERDICT_FAIL);
  result = RunCommand(daemon, {"doctor", "-o", "json"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_TRUE(IsJsonObject(result.out)) << result.out;
}

TEST(Audit, IsATable) {
  FakeDaemon daemon;
  auto* event = daemon.script.audit.add_events();
  event->set_peer("unix:");
  event->set_method("CreateProbe");
  event->set_resource("probes/\x1b[2J");
  event->set_code("NOT_FOUND");
  event->set_reason("BINARY_NOT_FOUND");
  const CommandResult result = RunCommand(daemon, {"audit", "--limit", "5"});
  EXPECT_EQ(daemon.script.list_audit.page_size(), 5);
  EXPECT_EQ(result.out,
            "TIME  PEER   METHOD       RESOURCE        CODE       REASON\n"
            "-     unix:  CreateProbe  probes/\\x1b[2J  NOT_FOUND  BINARY_NOT_FOUND\n");
}

TEST(Version, TellsBoth) {
  FakeDaemon daemon;
  daemon.script.node.set_version("9.9.9");
  const CommandResult result = RunCommand(daemon, {"version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(Lines(result.out).size(), 2U);
  EXPECT_THAT(result.out, AllOf(HasSubstr("client "), HasSubstr("server 9.9.9\n")));
}

TEST(Version, TellsItsOwnWithoutADaemon) {
  const CommandResult result = RunCommand({"--address", "unix:/nonexistent/socket", "version"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.out, HasSubstr("client "));
  const CommandResult json =
      RunCommand({"--address", "unix:/nonexistent/socket", "version", "-o", "json"});
  EXPECT_TRUE(IsJsonObject(json.out)) << json.out;
  EXPECT_THAT(json.out, HasSubstr("\"server\":null"));
}

}  // namespace
}  // namespace uprobed::client
