#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/escape.h"
#include "client/format.h"
#include "client/render_topology.h"
#include "client/topology_nodes.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

using Edge = v1::Topology::Edge;

// What the daemon names as caller of what nobody whom it sees has called.
constexpr std::string_view kOutside = "outside";
// What lies deeper begins a tree of its own.
constexpr size_t kMaxDepth = 12;

class TreePrinter {
 public:
  TreePrinter(Terminal& terminal, const v1::Topology& topology) : terminal_(terminal) {
    for (const Edge& edge : topology.edges()) {
      std::vector<const Edge*>& calls = calls_[CallerOf(edge)];
      if (CallsNobody(edge)) continue;
      calls.push_back(&edge);
      called_.insert(CalleeOf(edge));
    }
  }

  void Print() {
    for (const bool outside : {true, false}) {
      for (const auto& [node, calls] : calls_) {
        if ((node.first == kOutside) == outside && called_.count(node) == 0) PrintFrom(node);
      }
    }
    // Functions that call each other in a circle, and what lay too deep.
    for (const auto& [node, calls] : calls_) {
      if (!calls.empty() && expanded_.count(node) == 0) PrintFrom(node);
    }
  }

 private:
  struct Line {
    TopologyNode node;
    const Edge* edge = nullptr;  // by which it is called; nullptr: the root
    std::string indent;
    bool last = false;
    size_t depth = 0;
  };

  // A stack of its own, because names from outside decide how deep it goes.
  void PrintFrom(const TopologyNode& root) {
    std::vector<Line> stack = {{.node = root, .edge = nullptr, .indent = "", .last = true}};
    while (!stack.empty()) {
      const Line line = std::move(stack.back());
      stack.pop_back();
      const bool expand = PrintLine(line);
      if (!expand) continue;
      const std::vector<const Edge*>& calls = calls_[line.node];
      std::string indent = line.indent;
      if (line.edge != nullptr) indent += line.last ? "   " : "│  ";
      for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
        stack.push_back({.node = CalleeOf(**call),
                         .edge = *call,
                         .indent = indent,
                         .last = call == calls.rbegin(),
                         .depth = line.depth + 1});
      }
    }
  }

  // Returns whether what the function calls is to follow.
  bool PrintLine(const Line& line) {
    const auto calls = calls_.find(line.node);
    const bool has_calls = calls != calls_.end() && !calls->second.empty();
    const bool too_deep = line.depth >= kMaxDepth;
    const bool seen = has_calls && expanded_.count(line.node) > 0;
    const bool expand = has_calls && !seen && !too_deep;
    if (expand) expanded_.insert(line.node);
    std::string text = line.indent;
    if (line.edge != nullptr) text += line.last ? "└─ " : "├─ ";
    text += NameOf(line.node);
    if (line.edge != nullptr) text += "  " + Numbers(*line.edge);
    if (seen) text += "  (its calls: above)";
    if (has_calls && !seen && too_deep) text += "  (its calls: below)";
    terminal_.Line(text);
    return expand;
  }

  std::string NameOf(const TopologyNode& node) const {
    std::string name = terminal_.Paint(Colour::kBold, EscapeUntrusted(node.first));
    if (node.first != kOutside && !node.second.empty()) name += " " + EscapeUntrusted(node.second);
    return name;
  }

  std::string Numbers(const Edge& edge) const {
    return terminal_.Paint(
        edge.errors() > 0 ? Colour::kRed : Colour::kDim,
        fmt::format("{}, max {}", DescribeCalls(edge), FormatDuration(edge.latency_max())));
  }

  Terminal& terminal_;
  std::map<TopologyNode, std::vector<const Edge*>> calls_;
  std::set<TopologyNode> called_;
  std::set<TopologyNode> expanded_;
};

}  // namespace

void PrintTopologyTree(Terminal& terminal, const v1::Topology& topology) {
  TreePrinter(terminal, topology).Print();
}

}  // namespace uprobed::client
