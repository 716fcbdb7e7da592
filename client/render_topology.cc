#include "client/render_topology.h"

#include <map>
#include <utility>

#include "client/escape.h"
#include "client/format.h"
#include "client/table.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

// What the daemon names as callee where a request called nobody.
constexpr std::string_view kNobody = "none";

// A quoted DOT string. The text is escaped first, so that what Graphviz draws shows the escapes.
std::string QuoteDot(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : EscapeUntrusted(text)) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

// The nodes get numbers as identifiers: no name from outside can make two of them one.
using NodeNumbers = std::map<std::pair<std::string, std::string>, size_t>;

NodeNumbers NumberNodes(const v1::Topology& topology) {
  NodeNumbers numbers;
  for (const v1::Topology::Edge& edge : topology.edges()) {
    numbers.emplace(std::pair(edge.caller(), edge.caller_function()), 0);
    if (edge.callee() == kNobody) continue;
    numbers.emplace(std::pair(edge.callee(), edge.callee_function()), 0);
  }
  size_t next = 0;
  for (auto& [node, number] : numbers) number = next++;
  return numbers;
}

}  // namespace

void PrintTopology(Terminal& terminal, const v1::Topology& topology,
                   std::chrono::system_clock::time_point now) {
  Table table({"CALLER", "FUNCTION", "CALLEE", "FUNCTION", Column("COUNT", Align::kRight),
               Column("ERRORS", Align::kRight), Column("AVERAGE", Align::kRight),
               Column("MAX", Align::kRight), Column("LAST SEEN", Align::kRight)});
  for (const v1::Topology::Edge& edge : topology.edges()) {
    const Colour error_colour = edge.errors() > 0 ? Colour::kRed : Colour::kNone;
    table.AddRow({edge.caller(), edge.caller_function(), edge.callee(), edge.callee_function(),
                  fmt::format("{}", edge.count()),
                  Cell(fmt::format("{}", edge.errors()), error_colour),
                  FormatDuration(edge.latency_average()), FormatDuration(edge.latency_max()),
                  FormatAge(edge.last_seen_time(), now)});
  }
  table.Print(terminal);
}

std::string TopologyAsDot(const v1::Topology& topology) {
  const NodeNumbers numbers = NumberNodes(topology);
  std::map<std::string, std::string> clusters;
  for (const auto& [node, number] : numbers) {
    const auto& [service, function] = node;
    clusters[service] +=
        fmt::format("    n{} [label={}];\n", number, QuoteDot(function.empty() ? "-" : function));
  }
  std::string dot = "digraph topology {\n  rankdir=LR;\n  node [shape=box];\n";
  size_t cluster_number = 0;
  for (const auto& [service, nodes] : clusters) {
    dot += fmt::format("  subgraph cluster_{} {{\n    label={};\n{}  }}\n", cluster_number++,
                       QuoteDot(service), nodes);
  }
  for (const v1::Topology::Edge& edge : topology.edges()) {
    if (edge.callee() == kNobody) continue;
    dot += fmt::format("  n{} -> n{} [label=\"{} calls, {} errors, {}\"];\n",
                       numbers.at({edge.caller(), edge.caller_function()}),
                       numbers.at({edge.callee(), edge.callee_function()}), edge.count(),
                       edge.errors(), FormatDuration(edge.latency_average()));
  }
  return dot + "}\n";
}

}  // namespace uprobed::client
