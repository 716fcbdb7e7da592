#include <sstream>
#include <string>

#include "client/render_topology.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/client/sample_topology.h"

namespace uprobed::client {
namespace {

using ::testing::HasSubstr;

std::string TreeOf(const v1::Topology& topology) {
  std::istringstream in;
  std::ostringstream out;
  Terminal terminal(Streams{in, out, out}, {}, false);
  PrintTopologyTree(terminal, topology);
  return out.str();
}

TEST(TopologyTree, BeginsWithWhatNobodyCalls) {
  v1::Topology topology;
  AddEdge(topology, "cart", "/c", "none", "none");
  AddEdge(topology, "outside", "none", "shop", "/checkout");
  AddEdge(topology, "shop", "/checkout", "cart", "/c");
  AddEdge(topology, "shop", "/checkout", "stock", "/reserve");
  AddEdge(topology, "timer", "none", "stock", "/reserve");
  AddEdge(topology, "stock", "/reserve", "db:5432", "/");
  EXPECT_EQ(TreeOf(topology),
            "outside\n"
            "└─ shop /checkout  1 call, 0 errors, 0ns, max 0ns\n"
            "   ├─ cart /c  1 call, 0 errors, 0ns, max 0ns\n"
            "   └─ stock /reserve  1 call, 0 errors, 0ns, max 0ns\n"
            "      └─ db:5432 /  1 call, 0 errors, 0ns, max 0ns\n"
            "timer none\n"
            "└─ stock /reserve  1 call, 0 errors, 0ns, max 0ns  (its calls: above)\n");
}

TEST(TopologyTree, ShowsACircleOnce) {
  v1::Topology topology;
  AddEdge(topology, "a", "/a", "b", "/b");
  AddEdge(topology, "b", "/b", "a", "/a");
  AddEdge(topology, "c", "/c", "c", "/c");
  EXPECT_EQ(TreeOf(topology),
            "a /a\n"
            "└─ b /b  1 call, 0 errors, 0ns, max 0ns\n"
            "   └─ a /a  1 call, 0 errors, 0ns, max 0ns  (its calls: above)\n"
            "c /c\n"
            "└─ c /c  1 call, 0 errors, 0ns, max 0ns  (its calls: above)\n");
}

TEST(TopologyTree, GoesOnElsewhereWhereItIsTooDeep) {
  v1::Topology topology;
  const auto name = [](int i) { return std::string(1, static_cast<char>('a' + i)); };
  for (int i = 0; i < 20; ++i) AddEdge(topology, name(i), "/", name(i + 1), "/");
  const std::vector<std::string> lines = Lines(TreeOf(topology));
  // Each function but the one that two trees meet at has one line.
  EXPECT_EQ(lines.size(), 22U);
  EXPECT_THAT(lines[12], HasSubstr("m /  1 call, 0 errors, 0ns, max 0ns  (its calls: below)"));
  EXPECT_EQ(lines[13], "m /");
}

TEST(TopologyTree, EscapesNames) {
  v1::Topology topology;
  AddEdge(topology, "a\x1b[2J", "/\n", "none", "none");
  EXPECT_EQ(TreeOf(topology), "a\\x1b[2J /\\n\n");
}

}  // namespace
}  // namespace uprobed::client
