#include <string_view>

#include "client/escape.h"
#include "client/render_topology.h"
#include "client/topology_nodes.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

// A quoted DOT string. The text is escaped for people first, so that what Graphviz draws shows the
// escapes. It reads "&amp;" and the like in labels as HTML does, and no other "&".
std::string QuoteDot(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : EscapeUntrusted(text)) {
    if (c == '&') {
      quoted += "&amp;";
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

std::string TopologyAsDot(const v1::Topology& topology) {
  const NodeNumbers numbers = NumberNodes(topology);
  std::string dot = "digraph topology {\n  rankdir=LR;\n  node [shape=box];\n";
  size_t cluster_number = 0;
  for (const auto& [service, nodes] : NodesByService(numbers)) {
    dot += fmt::format("  subgraph cluster_{} {{\n    label={};\n", cluster_number++,
                       QuoteDot(service));
    for (const auto& [function, number] : nodes) {
      dot +=
          fmt::format("    n{} [label={}];\n", number, QuoteDot(function.empty() ? "-" : function));
    }
    dot += "  }\n";
  }
  for (const v1::Topology::Edge& edge : topology.edges()) {
    if (CallsNobody(edge)) continue;
    dot += fmt::format("  n{} -> n{} [label={}];\n", numbers.at(CallerOf(edge)),
                       numbers.at(CalleeOf(edge)), QuoteDot(DescribeCalls(edge)));
  }
  return dot + "}\n";
}

}  // namespace uprobed::client
