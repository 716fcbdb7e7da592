#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/profile/call_results.h"
#include "server/profile/grpc_names.h"
#include "server/profile/jump_conditions.h"
#include "server/profile/prologue.h"
#include "server/profile/saved_argument.h"
#include "server/profile/site_code.h"
#include "server/profile/sites.h"

namespace uprobed::profile {
namespace {

constexpr char kNewAttempt[] = "google.golang.org/grpc.(*clientStream).newAttemptLocked";
constexpr char kAttemptFinish[] = "google.golang.org/grpc.(*csAttempt).finish";
constexpr char kRetry[] = "google.golang.org/grpc.(*clientStream).retryLocked";
constexpr char kSendResponse[] = "google.golang.org/grpc.(*Server).sendResponse";
constexpr char kFromError[] = "google.golang.org/grpc/status.FromError";

absl::Status GrpcNotFound(const ControlFlow& flow, std::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND",
                   fmt::format("{} {}; please report the version of google.golang.org/grpc and how "
                               "the program was built",
                               flow.function(), what));
}

absl::StatusOr<SitePlan> PlanPrologue(const ControlFlow& flow, SiteKind kind, CallAbi abi) {
  const std::optional<size_t> node = NodeInPrologue(flow, abi);
  if (!node) return GrpcNotFound(flow, "does not begin with a stack check");
  return SitePlan{kind, *node, false, ArgumentsOf(kind, abi)};
}

std::vector<SitePlan> PlanCallsOf(const ControlFlow& flow, std::string_view callee, SiteKind kind,
                                  CallAbi abi) {
  std::vector<SitePlan> plans;
  for (const size_t call : flow.CallsTo(std::string(callee))) {
    plans.push_back({kind, call, false, ArgumentsOf(kind, abi)});
  }
  return plans;
}

// The plan with where the function has saved its receiver, the clientStream.
absl::StatusOr<SitePlan> WithReceiver(const ControlFlow& flow, SitePlan plan, CallAbi abi) {
  const std::optional<int32_t> saved = SavedArgument(flow, abi, 0);
  if (!saved) return GrpcNotFound(flow, "does not save its receiver where it can be found");
  for (ArgumentLocation& argument : plan.arguments) {
    if (IsSaved(argument)) argument.stack_offset = *saved;
  }
  return plan;
}

absl::Status Append(const elf::ElfFile& file, const ControlFlow& flow,
                    const std::vector<SitePlan>& plans, std::vector<Site>* sites) {
  ASSIGN_OR_RETURN(const std::vector<Site> made, MakeSites(file, flow, plans));
  sites->insert(sites->end(), made.begin(), made.end());
  return absl::OkStatus();
}

// Where the response of a unary request could not be sent: the calls of FromError that come only
// behind that of sendResponse.
std::vector<SitePlan> PlanGone(const ControlFlow& flow, CallAbi abi) {
  const std::vector<size_t> sends = flow.CallsTo(kSendResponse);
  const NodeSet without = flow.ReachableFrom({0}, [&sends](ControlFlow::Edge edge) {
    return std::find(sends.begin(), sends.end(), edge.to) != sends.end();
  });
  std::vector<SitePlan> plans = PlanCallsOf(flow, kFromError, SiteKind::kGrpcServerGone, abi);
  std::erase_if(plans, [&without](const SitePlan& plan) { return without[plan.node]; });
  return plans;
}

// Before 1.46.1 newClientStreamWithParams finishes a stream whose first attempt has failed; later
// it leaves it, and only withRetry knows.
bool FinishesWhatFails(const ControlFlow& new_stream) {
  const NodeSet behind = new_stream.ReachableFrom(new_stream.CallsTo(std::string(kGrpcWithRetry)));
  const std::vector<size_t> finishes = new_stream.CallsTo(std::string(kGrpcFinish));
  return std::any_of(finishes.begin(), finishes.end(),
                     [&behind](size_t finish) { return behind[finish]; });
}

// The jump that tests what retryLocked has returned.
absl::StatusOr<SitePlan> PlanFailed(const ControlFlow& flow, size_t call, CallAbi abi) {
  const std::vector<size_t> line = StraightLineBehind(flow, call, abi);
  const bool tests = !line.empty() && flow.at(line.back()).flow == elf::Flow::kConditional &&
                     ZeroTestOf(flow.at(line.back()).architecture, flow.at(line.back()).bytes);
  if (!tests ||
      (abi != CallAbi::kAmd64Stack && TestOfFirstResult(flow, call, abi) != line.back())) {
    return GrpcNotFound(flow, fmt::format("does not test what {} returned", kRetry));
  }
  const SiteKind kind = SiteKind::kGrpcClientFailed;
  return WithReceiver(flow, {kind, line.back(), false, ArgumentsOf(kind, abi)}, abi);
}

// Of a stream whose first attempt could not begin.
absl::Status AddRareEnds(const elf::ElfFile& file, const ControlFlow& new_stream,
                         const ControlFlow& retry, CallAbi abi, std::vector<Site>* sites) {
  const size_t before = sites->size();
  const SiteKind end = SiteKind::kGrpcClientEnd;
  RETURN_IF_ERROR(Append(file, new_stream, PlanCallsOf(new_stream, kGrpcFinish, end, abi), sites));
  std::vector<SitePlan> plans = PlanCallsOf(retry, kGrpcFinish, end, abi);
  if (!FinishesWhatFails(new_stream)) {
    for (const size_t call : retry.CallsTo(kRetry)) {
      ASSIGN_OR_RETURN(SitePlan plan, PlanFailed(retry, call, abi));
      plans.push_back(std::move(plan));
    }
  }
  RETURN_IF_ERROR(Append(file, retry, plans, sites));
  if (sites->size() > before) return absl::OkStatus();
  return GrpcNotFound(new_stream, "does not say where it fails");
}

}  // namespace

absl::StatusOr<std::vector<Site>> FindGrpcServerSites(const elf::ElfFile& file,
                                                      const elf::GoFunctions& functions,
                                                      CallAbi abi) {
  ASSIGN_OR_RETURN(const ControlFlow handle, ReadFunction(file, functions, kGrpcHandleStream));
  RETURN_IF_ERROR(CheckGoroutine(handle, abi));
  ASSIGN_OR_RETURN(const SitePlan start, PlanPrologue(handle, SiteKind::kGrpcServerStart, abi));
  ASSIGN_OR_RETURN(std::vector<Site> sites, MakeSites(file, handle, {start}));
  size_t transports = 0;
  for (const std::string_view name : kGrpcWriteStatus) {
    const absl::StatusOr<ControlFlow> write = ReadFunction(file, functions, name);
    if (!write.ok()) {
      if (ReasonOf(write.status()) == "SYMBOL_NOT_FOUND") continue;
      return write.status();
    }
    ASSIGN_OR_RETURN(const SitePlan end, PlanPrologue(*write, SiteKind::kGrpcServerEnd, abi));
    RETURN_IF_ERROR(Append(file, *write, {end}, &sites));
    ++transports;
  }
  if (transports == 0) return GrpcNotFound(handle, "has no transport whose writeStatus is known");
  const absl::StatusOr<ControlFlow> unary = ReadFunction(file, functions, kGrpcProcessUnary);
  if (unary.ok()) RETURN_IF_ERROR(Append(file, *unary, PlanGone(*unary, abi), &sites));
  return sites;
}

absl::StatusOr<std::vector<Site>> FindGrpcClientSites(const elf::ElfFile& file,
                                                      const elf::GoFunctions& functions,
                                                      CallAbi abi) {
  ASSIGN_OR_RETURN(const ControlFlow new_stream, ReadFunction(file, functions, kGrpcNewStream));
  RETURN_IF_ERROR(CheckGoroutine(new_stream, abi));
  ASSIGN_OR_RETURN(const ControlFlow retry, ReadFunction(file, functions, kGrpcWithRetry));
  ASSIGN_OR_RETURN(const ControlFlow finish, ReadFunction(file, functions, kGrpcFinish));
  const SiteKind start = SiteKind::kGrpcClientStart;
  std::vector<SitePlan> starts = PlanCallsOf(new_stream, kNewAttempt, start, abi);
  if (starts.empty()) starts = PlanCallsOf(new_stream, kGrpcWithRetry, start, abi);
  if (starts.size() != 1) return GrpcNotFound(new_stream, "does not begin a stream in one place");
  ASSIGN_OR_RETURN(std::vector<Site> sites, MakeSites(file, new_stream, starts));
  RETURN_IF_ERROR(AddRareEnds(file, new_stream, retry, abi, &sites));
  std::vector<SitePlan> plans;
  for (const SitePlan& plan :
       PlanCallsOf(finish, kAttemptFinish, SiteKind::kGrpcClientFinish, abi)) {
    ASSIGN_OR_RETURN(SitePlan with, WithReceiver(finish, plan, abi));
    plans.push_back(std::move(with));
  }
  if (plans.empty()) return GrpcNotFound(finish, "does not finish an attempt");
  RETURN_IF_ERROR(Append(file, finish, plans, &sites));
  return sites;
}

absl::StatusOr<Site> FindGrpcStatusError(const elf::ElfFile& file,
                                         const elf::GoFunctions& functions, CallAbi abi) {
  ASSIGN_OR_RETURN(const ControlFlow flow, ReadFunction(file, functions, kGrpcError));
  ASSIGN_OR_RETURN(const SitePlan plan, PlanPrologue(flow, SiteKind::kGrpcStatusError, abi));
  ASSIGN_OR_RETURN(const std::vector<Site> sites, MakeSites(file, flow, {plan}));
  return sites.front();
}

}  // namespace uprobed::profile
