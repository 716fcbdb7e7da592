#include "client/escape.h"
#include "client/render_topology.h"
#include "client/topology_nodes.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

std::string NamesOf(const v1::Topology::Edge& edge) {
  const auto name = [](const std::string& text) {
    return text.empty() ? "-" : EscapeUntrusted(text);
  };
  return fmt::format("{}  {}  {}  {}", name(edge.caller()), name(edge.caller_function()),
                     name(edge.callee()), name(edge.callee_function()));
}

}  // namespace

void PrintTopologyChanges(Terminal& terminal, const v1::WatchTopologyResponse& response) {
  for (const v1::Topology::Edge& edge : response.removed()) {
    terminal.Line("- " + NamesOf(edge));
  }
  for (const v1::Topology::Edge& edge : response.added()) {
    terminal.Line(fmt::format("+ {}  {}", NamesOf(edge), DescribeCalls(edge)));
  }
  for (const v1::Topology::Edge& edge : response.changed()) {
    terminal.Line(fmt::format("~ {}  {}", NamesOf(edge), DescribeCalls(edge)));
  }
}

}  // namespace uprobed::client
