#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/profile/call_results.h"
#include "server/profile/coverage.h"
#include "server/profile/error_words.h"
#include "server/profile/prologue.h"
#include "server/profile/sites.h"

namespace uprobed::profile {
namespace {

// roundTrip(req) gets a connection and calls kExchangeFunction on it. HTTP/2 connections take the
// interface call pconn.alt.RoundTrip instead; both results meet in one test of the error.

absl::Status NotFound(const ControlFlow& flow, std::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND",
                   fmt::format("{} {}; please report the Go version and how the program was built",
                               flow.function(), what));
}

bool IsInterfaceCall(const elf::Instruction& instruction) {
  return instruction.flow == elf::Flow::kCall && !instruction.target;
}

std::vector<size_t> ExchangesOf(const ControlFlow& flow, const ClientFunction& function) {
  std::vector<size_t> calls;
  for (const std::string_view exchange : function.exchanges) {
    const std::vector<size_t> found = flow.CallsTo(std::string(exchange));
    calls.insert(calls.end(), found.begin(), found.end());
  }
  return calls;
}

// The jump that tests the error which `call` returned.
absl::StatusOr<size_t> FindResult(const ControlFlow& flow, size_t call, CallAbi abi) {
  const std::vector<size_t> line = StraightLineBehind(flow, call, abi);
  if (!EndsInTestOfError(flow, line, abi)) {
    return NotFound(flow, "does not test the error right behind the exchange");
  }
  return line.back();
}

// Without this a successful HTTP/2 exchange with a test of its own would look like a path that can
// only end in an error.
bool InterfaceCallJoins(const ControlFlow& flow, const std::vector<size_t>& results, CallAbi abi) {
  const NodeSet reachable = flow.ReachableFrom({0});
  for (size_t node = 0; node < flow.size(); ++node) {
    if (!reachable[node] || !IsInterfaceCall(flow.at(node))) continue;
    const std::vector<size_t> line = StraightLineBehind(flow, node, abi);
    if (!line.empty() && std::find(results.begin(), results.end(), line.back()) != results.end()) {
      return true;
    }
  }
  return false;
}

// Chooses the sites on the ways out of roundTrip that pass no kClientResult.
class ExitPlanner {
 public:
  ExitPlanner(const ControlFlow& flow, const std::vector<size_t>& results,
              const ClientFunction& function, CallAbi abi)
      : flow_(flow),
        abi_(abi),
        results_(results.begin(), results.end()),
        reachable_(flow.ReachableFrom({0})),
        before_result_(flow.Reaching(results)),
        before_return_(flow.Reaching(flow.Returns())) {
    std::vector<size_t> successes;
    successes.reserve(results.size());
    for (const size_t result : results) successes.push_back(NoErrorSide(flow, result));
    after_success_ = flow.ReachableFrom(successes);
    std::vector<size_t> others = flow.CallsTo(std::string(function.rewind));
    rewinds_.insert(others.begin(), others.end());
    others.push_back(0);
    has_other_error_ = flow.ReachableFrom(
        others, [this](ControlFlow::Edge edge) { return results_.contains(edge.from); });
  }

  std::vector<SitePlan> Plan() {
    for (size_t from = 0; from < flow_.size(); ++from) {
      if (!reachable_[from] || !before_result_[from]) continue;
      for (const size_t to : flow_.successors(from)) {
        const bool success = results_.contains(from) && to == NoErrorSide(flow_, from);
        if (!before_result_[to] && before_return_[to] && !success) PlanEdge(from, to);
      }
    }
    std::vector<SitePlan> plans;
    for (auto& [node, plan] : plans_) plans.push_back(std::move(plan));
    return plans;
  }

 private:
  // From the edge on there is no way back to a result.
  void PlanEdge(size_t from, size_t to) {
    std::vector<size_t> emulated;
    std::vector<size_t> returns;
    const bool complete = FirstPlaces(to, &emulated, &returns);
    if (!complete || !returns.empty()) {
      const bool jumps = flow_.at(from).flow == elf::Flow::kConditional;
      if (jumps && !results_.contains(from) && Avoidable(from)) {
        PlanBranch(from, to);
        return;
      }
    }
    for (const size_t node : emulated) PlanError(node);
    for (const size_t node : returns) PlanError(node);
  }

  // The first emulated instruction on each path from `start` to a return, and the returns of paths
  // without one. False where a path comes to code that a successful exchange also runs: an
  // instruction there says nothing.
  bool FirstPlaces(size_t start, std::vector<size_t>* emulated,
                   std::vector<size_t>* returns) const {
    bool complete = true;
    NodeSet seen(flow_.size());
    std::vector<size_t> pending = {start};
    while (!pending.empty()) {
      const size_t node = pending.back();
      pending.pop_back();
      if (seen[node] || !before_return_[node]) continue;
      seen[node] = true;
      if (after_success_[node]) {
        complete = false;
      } else if (elf::KernelEmulates(flow_.at(node).architecture, flow_.at(node).bytes)) {
        emulated->push_back(node);
      } else if (flow_.IsReturn(node)) {
        returns->push_back(node);
      } else {
        const std::vector<size_t>& next = flow_.successors(node);
        pending.insert(pending.end(), next.begin(), next.end());
      }
    }
    return complete;
  }

  // Whether a request can come to its result without passing `node`, which is then not a hit more
  // for each request.
  bool Avoidable(size_t node) const {
    const NodeSet without =
        flow_.ReachableFrom({0}, [node](ControlFlow::Edge edge) { return edge.to == node; });
    return node != 0 && std::any_of(results_.begin(), results_.end(),
                                    [&](size_t result) { return without[result]; });
  }

  void PlanError(size_t node) {
    if (has_other_error_[node]) {
      plans_[node] = {SiteKind::kClientError, node, false, ErrorOfConnection(flow_, node, abi_)};
    } else {
      plans_[node] = {SiteKind::kClientExchangeError, node, false, {}};
    }
  }

  void PlanBranch(size_t from, size_t to) {
    SitePlan plan{SiteKind::kClientBranch, from, flow_.Taken(from) == to, {}};
    if (FollowsCallWithError(from)) plan.arguments = ArgumentsOf(SiteKind::kClientBranch, abi_);
    plans_[from] = std::move(plan);
  }

  // Whether the words at hand are what a call has returned, on the only way to `node`: an interface
  // call (altRT.RoundTrip: response and error), or, where results are in registers, the one before
  // another try (a request and an error).
  bool FollowsCallWithError(size_t node) const {
    for (int step = 0; step < kMaxStraightLine; ++step) {
      const std::vector<size_t>& before = flow_.predecessors(node);
      if (before.size() != 1) return false;
      node = before.front();
      const elf::Instruction& instruction = flow_.at(node);
      if (IsInterfaceCall(instruction)) return true;
      if (abi_ != CallAbi::kAmd64Stack && rewinds_.contains(node)) return true;
      if (instruction.flow != elf::Flow::kNext ||
          !KeepsFirstWords(instruction, abi_, kExchangeWords)) {
        return false;
      }
    }
    return false;
  }

  const ControlFlow& flow_;
  const CallAbi abi_;
  std::set<size_t> results_;
  std::set<size_t> rewinds_;
  NodeSet reachable_;
  NodeSet before_result_;
  NodeSet before_return_;
  NodeSet after_success_;
  NodeSet has_other_error_;  // where the error can be another than that of the last exchange
  std::map<size_t, SitePlan> plans_;  // by node: several edges may come to one site
};

}  // namespace

absl::StatusOr<std::vector<SitePlan>> PlanClientSites(const ControlFlow& flow,
                                                      const ClientFunction& function, CallAbi abi) {
  std::vector<SitePlan> plans;
  const std::optional<size_t> start = NodeInPrologue(flow, abi);
  if (!start) return NotFound(flow, "does not begin with a stack check");
  plans.push_back(
      {SiteKind::kClientStart, *start, false, ArgumentsOf(SiteKind::kClientStart, abi)});

  std::vector<size_t> results;
  for (const size_t call : ExchangesOf(flow, function)) {
    ASSIGN_OR_RETURN(const size_t result, FindResult(flow, call, abi));
    if (std::find(results.begin(), results.end(), result) != results.end()) continue;
    results.push_back(result);
    plans.push_back(
        {SiteKind::kClientResult, result, false, ArgumentsOf(SiteKind::kClientResult, abi)});
  }
  if (results.empty()) {
    return NotFound(flow, fmt::format("does not call {} directly", function.exchanges.front()));
  }
  if (function.joins_interface_call && !InterfaceCallJoins(flow, results, abi)) {
    return NotFound(flow, "does not test the results of HTTP/1 and HTTP/2 in one place");
  }

  const std::vector<SitePlan> exits = ExitPlanner(flow, results, function, abi).Plan();
  plans.insert(plans.end(), exits.begin(), exits.end());
  if (!EndsOnEveryPath(flow, plans) || !NeverEndsEarly(flow, plans)) {
    return NotFound(flow, "has a way out on which the end of a request cannot be seen");
  }
  return plans;
}

}  // namespace uprobed::profile
