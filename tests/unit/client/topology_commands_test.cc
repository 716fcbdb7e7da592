#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/client/sample_topology.h"

namespace uprobed::client {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Topology, IsATableWhereNobodyLooks) {
  FakeDaemon daemon;
  daemon.script.topology = SampleTopology();
  const CommandResult result =
      RunCommand(daemon, {"topology", "--service", "shop", "--window", "90s"});
  EXPECT_EQ(daemon.script.get_topology.service(), "shop");
  EXPECT_EQ(daemon.script.get_topology.window().seconds(), 90);
  EXPECT_EQ(
      result.out,
      "CALLER  FUNCTION    CALLEE  FUNCTION  COUNT  ERRORS  AVERAGE     MAX  LAST SEEN  FROM PATH\n"
      "shop    /check\"out  stock   /reserve     10       1   2.00ms  9.00ms          -  callee\n"
      "stock   /reserve    none    -            10       0      0ns     0ns          -  -\n");
}

TEST(Topology, IsATreeOnATerminalOrWhereAskedFor) {
  FakeDaemon daemon;
  daemon.script.topology = SampleTopology();
  const std::string tree =
      "shop /check\"out\n"
      "└─ stock /reserve  10 calls, 1 error, 2.00ms, max 9.00ms\n";
  EXPECT_EQ(RunCommand(daemon, {"topology", "-o", "tree"}).out, tree);
  EXPECT_EQ(
      RunCommand(daemon, {"topology"}, {.input = "", .out_is_terminal = true, .environment = {}})
          .out,
      tree);
  EXPECT_THAT(RunCommand(daemon, {"topology", "-o", "table"},
                         {.input = "", .out_is_terminal = true, .environment = {}})
                  .out,
              StartsWith("CALLER"));
}

TEST(Topology, AsJsonIsOneObject) {
  FakeDaemon daemon;
  daemon.script.topology = SampleTopology();
  EXPECT_TRUE(IsJsonObject(RunCommand(daemon, {"topology", "-o", "json"}).out));
}

TEST(Topology, SaysThatEdgesWereFolded) {
  FakeDaemon daemon;
  daemon.script.topology.set_overflowed(3);
  EXPECT_THAT(RunCommand(daemon, {"topology"}).err, HasSubstr("warning: 3 requests"));
}

TEST(Topology, RefusesABadWindow) {
  FakeDaemon daemon;
  const CommandResult result = RunCommand(daemon, {"topology", "--window", "soon"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("--window"));
}

TEST(Topology, IsTheOnlyOneWithDrawings) {
  FakeDaemon daemon;
  for (const char* format : {"dot", "mermaid", "tree"}) {
    const CommandResult result = RunCommand(daemon, {"probes", "-o", format});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("only topology has " + std::string(format)));
  }
}

v1::WatchTopologyResponse Changes() {
  v1::WatchTopologyResponse response;
  response.set_complete(true);
  const v1::Topology sample = SampleTopology();
  *response.add_changed() = sample.edges(0);
  response.add_removed()->set_caller("old\x1b");
  return response;
}

v1::WatchTopologyResponse Snapshot() {
  v1::WatchTopologyResponse response;
  response.set_snapshot(true);
  response.set_complete(true);
  const v1::Topology sample = SampleTopology();
  for (const v1::Topology::Edge& edge : sample.edges()) *response.add_added() = edge;
  return response;
}

TEST(WatchTopology, TellsChangesLineByLineWhereNobodyLooks) {
  FakeDaemon daemon;
  daemon.script.topology_changes = {Snapshot(), Changes()};
  const CommandResult result = RunCommand(daemon, {"topology", "--watch", "--service", "shop"});
  EXPECT_EQ(daemon.script.watch_topology.service(), "shop");
  EXPECT_EQ(result.out,
            "+ shop  /check\"out  stock  /reserve  10 calls, 1 error, 2.00ms\n"
            "+ stock  /reserve  none  -  10 calls, 0 errors, 0ns\n"
            "- old\\x1b  -  -  -\n"
            "~ shop  /check\"out  stock  /reserve  10 calls, 1 error, 2.00ms\n");
}

TEST(WatchTopology, ShowsTheWholeAnewOnATerminal) {
  FakeDaemon daemon;
  daemon.script.topology_changes = {Snapshot(), Changes()};
  const std::string out =
      RunCommand(daemon, {"topology", "--watch"}, {.input = "", .out_is_terminal = true}).out;
  EXPECT_THAT(out, StartsWith("\x1b[H\x1b[2J"));
  const size_t second = out.find("\x1b[2J", 10);
  ASSERT_NE(second, std::string::npos);
  EXPECT_THAT(out.substr(second), HasSubstr("/reserve"));
}

TEST(WatchTopology, AsJsonIsOneObjectALine) {
  FakeDaemon daemon;
  daemon.script.topology_changes = {Snapshot(), Changes()};
  const auto lines = Lines(RunCommand(daemon, {"topology", "--watch", "-o", "json"}).out);
  ASSERT_EQ(lines.size(), 2U);
  for (const std::string& line : lines) EXPECT_TRUE(IsJsonObject(line));
}

TEST(WatchTopology, IsNotDrawn) {
  FakeDaemon daemon;
  EXPECT_EQ(RunCommand(daemon, {"topology", "--watch", "-o", "dot"}).exit_code, 2);
  EXPECT_EQ(RunCommand(daemon, {"topology", "--watch", "-o", "mermaid"}).exit_code, 2);
  EXPECT_EQ(RunCommand(daemon, {"topology", "--watch", "--window", "5m"}).exit_code, 2);
}

}  // namespace
}  // namespace uprobed::client
