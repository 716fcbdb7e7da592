#include "server/profile/coverage.h"

#include <algorithm>

#include "server/profile/jump_conditions.h"

namespace uprobed::profile {
namespace {

std::vector<size_t> NodesOf(const std::vector<SitePlan>& plans, SiteKind kind) {
  std::vector<size_t> nodes;
  for (const SitePlan& plan : plans) {
    if (plan.kind == kind) nodes.push_back(plan.node);
  }
  return nodes;
}

bool IsError(const SitePlan& plan) {
  return plan.kind == SiteKind::kClientError || plan.kind == SiteKind::kClientExchangeError;
}

bool AnyIn(const NodeSet& set, const std::vector<size_t>& nodes) {
  return std::any_of(nodes.begin(), nodes.end(), [&set](size_t node) { return set[node]; });
}

}  // namespace

size_t NoErrorSide(const ControlFlow& flow, size_t result) {
  const elf::Instruction& jump = flow.at(result);
  return ZeroTestOf(jump.architecture, jump.bytes) == ZeroTest::kJumpsIfZero
             ? flow.Taken(result)
             : flow.FallThrough(result);
}

size_t EndSide(const ControlFlow& flow, const SitePlan& branch) {
  return branch.ends_when_taken ? flow.Taken(branch.node) : flow.FallThrough(branch.node);
}

bool EndsOnEveryPath(const ControlFlow& flow, const std::vector<SitePlan>& plans) {
  std::vector<ControlFlow::Edge> ending;
  NodeSet ends(flow.size());
  for (const SitePlan& plan : plans) {
    if (IsError(plan)) ends[plan.node] = true;
    if (plan.kind == SiteKind::kClientResult) {
      ending.push_back({plan.node, NoErrorSide(flow, plan.node)});
    }
    if (plan.kind == SiteKind::kClientBranch) ending.push_back({plan.node, EndSide(flow, plan)});
  }
  if (ends[0]) return true;
  const NodeSet unended = flow.ReachableFrom({0}, [&](ControlFlow::Edge edge) {
    return ends[edge.to] || std::find(ending.begin(), ending.end(), edge) != ending.end();
  });
  return !AnyIn(unended, flow.Returns());
}

bool NeverEndsEarly(const ControlFlow& flow, const std::vector<SitePlan>& plans) {
  const std::vector<size_t> results = NodesOf(plans, SiteKind::kClientResult);
  std::vector<size_t> errors = NodesOf(plans, SiteKind::kClientError);
  const std::vector<size_t> exchange_errors = NodesOf(plans, SiteKind::kClientExchangeError);
  errors.insert(errors.end(), exchange_errors.begin(), exchange_errors.end());
  const NodeSet before_result = flow.Reaching(results);
  std::vector<size_t> successes;
  successes.reserve(results.size());
  for (const size_t result : results) successes.push_back(NoErrorSide(flow, result));
  for (const SitePlan& plan : plans) {
    if (plan.kind == SiteKind::kClientBranch && before_result[EndSide(flow, plan)]) return false;
  }
  return !AnyIn(before_result, errors) && !AnyIn(flow.ReachableFrom(successes), errors);
}

}  // namespace uprobed::profile
