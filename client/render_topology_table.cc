#include "client/format.h"
#include "client/render_topology.h"
#include "client/table.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

// Which functions are made of paths, because no request of the edge had a route.
std::string DerivedOf(const v1::Topology::Edge& edge) {
  if (edge.caller_function_derived()) return edge.callee_function_derived() ? "both" : "caller";
  return edge.callee_function_derived() ? "callee" : "";
}

}  // namespace

void PrintTopologyTable(Terminal& terminal, const v1::Topology& topology,
                        std::chrono::system_clock::time_point now) {
  Table table({"CALLER", "FUNCTION", "CALLEE", "FUNCTION", Column("COUNT", Align::kRight),
               Column("ERRORS", Align::kRight), Column("AVERAGE", Align::kRight),
               Column("MAX", Align::kRight), Column("LAST SEEN", Align::kRight), "FROM PATH"});
  for (const v1::Topology::Edge& edge : topology.edges()) {
    const Colour error_colour = edge.errors() > 0 ? Colour::kRed : Colour::kNone;
    table.AddRow({edge.caller(), edge.caller_function(), edge.callee(), edge.callee_function(),
                  fmt::format("{}", edge.count()),
                  Cell(fmt::format("{}", edge.errors()), error_colour),
                  FormatDuration(edge.latency_average()), FormatDuration(edge.latency_max()),
                  FormatAge(edge.last_seen_time(), now), DerivedOf(edge)});
  }
  table.Print(terminal);
}

}  // namespace uprobed::client
