#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "client/render_topology.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/client/sample_topology.h"

namespace uprobed::client {
namespace {

using ::testing::HasSubstr;

// Whatever a service or a route may be called.
const char* const kNames[] = {"\"",
                              "\\",
                              "\\\"",
                              "a\nb",
                              "\r\t",
                              "\x01\x1b[31m\x7f",
                              "\xff\xfe",
                              "größe/日本語",
                              "\u202e",
                              "<b>&amp;&quot;",
                              "&",
                              "#quot;",
                              "`md`",
                              "%%{init: {}}%%",
                              "end",
                              "]",
                              "}}",
                              "|x|",
                              "\"];\n n0 -> n1",
                              "",
                              "{id}",
                              "/* */",
                              "//",
                              "-->",
                              "subgraph",
                              "\\N\\G",
                              "a;b"};

v1::Topology StrangeTopology() {
  v1::Topology topology;
  std::string previous = "start";
  for (const std::string name : kNames) {
    AddEdge(topology, previous, name, name, previous);
    previous = name;
  }
  return topology;
}

TEST(TopologyAsDot, HasClustersAndNodes) {
  EXPECT_EQ(TopologyAsDot(SampleTopology()),
            "digraph topology {\n"
            "  rankdir=LR;\n"
            "  node [shape=box];\n"
            "  subgraph cluster_0 {\n"
            "    label=\"shop\";\n"
            "    n0 [label=\"/check\\\"out\"];\n"
            "  }\n"
            "  subgraph cluster_1 {\n"
            "    label=\"stock\";\n"
            "    n1 [label=\"/reserve\"];\n"
            "  }\n"
            "  n0 -> n1 [label=\"10 calls, 1 error, 2.00ms\"];\n"
            "}\n");
}

TEST(TopologyAsDot, EscapesNames) {
  v1::Topology topology;
  AddEdge(topology, "a\x1b\"\\&lt;", "", "none", "");
  EXPECT_THAT(TopologyAsDot(topology), HasSubstr(R"(label="a\\x1b\"\\\\&amp;lt;";)"));
}

TEST(TopologyAsDot, IsAcceptedByGraphviz) {
  if (std::system("dot -V >/dev/null 2>&1") != 0) GTEST_SKIP() << "graphviz is not installed";
  const testing::TempDir directory;
  const std::string path = directory.File("topology.dot");
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs(TopologyAsDot(StrangeTopology()).c_str(), file);
  std::fclose(file);

  std::FILE* dot = ::popen(("dot -Tsvg " + path + " 2>&1").c_str(), "r");
  ASSERT_NE(dot, nullptr);
  std::string output;
  for (int c = std::fgetc(dot); c != EOF; c = std::fgetc(dot)) output += static_cast<char>(c);
  const int status = ::pclose(dot);

  EXPECT_EQ(WEXITSTATUS(status), 0) << output;
  EXPECT_THAT(output, HasSubstr("größe/日本語"));
  EXPECT_THAT(output, HasSubstr("&lt;b&gt;&amp;amp;&amp;quot;"));
  EXPECT_THAT(output, ::testing::Not(HasSubstr("Warning")));
  EXPECT_THAT(output, ::testing::Not(HasSubstr("Error")));
}

TEST(TopologyAsMermaid, HasSubgraphsAndNodes) {
  EXPECT_EQ(TopologyAsMermaid(SampleTopology()),
            "flowchart LR\n"
            "  subgraph s0[\"shop\"]\n"
            "    n0[\"/check#34;out\"]\n"
            "  end\n"
            "  subgraph s1[\"stock\"]\n"
            "    n1[\"/reserve\"]\n"
            "  end\n"
            "  n0 -->|\"10 calls, 1 error, 2.00ms\"| n1\n");
}

TEST(TopologyAsMermaid, LetsNoNameOutOfItsString) {
  const std::string plain = TopologyAsMermaid(StrangeTopology());
  // In each line at most one string, which holds nothing that ends it or begins something else.
  std::string line;
  for (const char c : plain) {
    ASSERT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << line;
    if (c != '\n') {
      line += c;
      continue;
    }
    const size_t open = line.find('"');
    if (open != std::string::npos) {
      const size_t close = line.find('"', open + 1);
      ASSERT_NE(close, std::string::npos) << line;
      EXPECT_EQ(line.find('"', close + 1), std::string::npos) << line;
      const std::string text = line.substr(open + 1, close - open - 1);
      EXPECT_EQ(text.find_first_of("`%{}[]|<>&\\"), std::string::npos) << line;
    }
    line.clear();
  }
  EXPECT_THAT(plain, HasSubstr("größe/日本語"));
  EXPECT_THAT(plain, HasSubstr("#96;md#96;"));
}

}  // namespace
}  // namespace uprobed::client
