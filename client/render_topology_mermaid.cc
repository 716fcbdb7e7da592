#include <string_view>

#include "client/escape.h"
#include "client/render_topology.h"
#include "client/topology_nodes.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

// What means nothing to Mermaid, to the Markdown in its labels or to the HTML that it makes.
bool IsPlain(char c) {
  constexpr std::string_view kPlain = " /.,:-";
  const bool alphanumeric =
      (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  // Not in ASCII: a part of a letter, which EscapeUntrusted() let pass.
  return alphanumeric || static_cast<unsigned char>(c) >= 0x80 ||
         kPlain.find(c) != std::string_view::npos;
}

// A quoted Mermaid string, with everything else as its entities for characters ("#35;").
std::string QuoteMermaid(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : EscapeUntrusted(text)) {
    if (IsPlain(c)) {
      quoted += c;
    } else {
      quoted += fmt::format("#{};", static_cast<int>(c));
    }
  }
  return quoted + "\"";
}

}  // namespace

std::string TopologyAsMermaid(const v1::Topology& topology) {
  const NodeNumbers numbers = NumberNodes(topology);
  std::string mermaid = "flowchart LR\n";
  size_t service_number = 0;
  for (const auto& [service, nodes] : NodesByService(numbers)) {
    mermaid += fmt::format("  subgraph s{}[{}]\n", service_number++,
                           QuoteMermaid(service.empty() ? "-" : service));
    for (const auto& [function, number] : nodes) {
      mermaid +=
          fmt::format("    n{}[{}]\n", number, QuoteMermaid(function.empty() ? "-" : function));
    }
    mermaid += "  end\n";
  }
  for (const v1::Topology::Edge& edge : topology.edges()) {
    if (CallsNobody(edge)) continue;
    mermaid += fmt::format("  n{} -->|{}| n{}\n", numbers.at(CallerOf(edge)),
                           QuoteMermaid(DescribeCalls(edge)), numbers.at(CalleeOf(edge)));
  }
  return mermaid;
}

}  // namespace uprobed::client
