#include "server/control/diagnostics.h"

#include <fmt/format.h>
#include <sys/timex.h>

#include <limits>
#include <utility>

#include "server/base/errors.h"

namespace uprobed::control {
namespace {

using Verdict = DiagnosticResult::Verdict;

DiagnosticResult Pass(std::string check, std::string message) {
  return {.check = std::move(check),
          .verdict = Verdict::kPass,
          .message = std::move(message),
          .remedy = {}};
}

// Whether something disciplines the wall clock (adjtimex(2): TIME_ERROR says that nothing does).
bool ClockIsSynchronized() {
  timex state{};
  const int result = adjtimex(&state);
  return result >= 0 && result != TIME_ERROR;
}

std::string RemedyOf(const Condition& condition) {
  if (condition.type == "StoreReady") {
    return "stop the daemon, move its database away and start it again: probes must be created "
           "anew";
  }
  return condition.message;
}

DiagnosticResult DiagnoseCondition(const Condition& condition) {
  if (condition.ok) return Pass("condition " + condition.type, "as it should be");
  return {.check = "condition " + condition.type,
          .verdict = Verdict::kFail,
          .message = fmt::format("{}: {}", condition.reason, condition.message),
          .remedy = RemedyOf(condition)};
}

DiagnosticResult DiagnoseProbe(const Probe& probe) {
  const std::string check = "probe " + probe.record.id;
  const ProbeState state = probe.status.state;
  if (state != ProbeState::kFailed && state != ProbeState::kDegraded &&
      state != ProbeState::kSuspended) {
    return Pass(check, std::string(Name(state)));
  }
  const absl::Status& error = probe.status.error;
  return {.check = check,
          .verdict = Verdict::kWarning,
          .message =
              fmt::format("{}: {}: {}", Name(state), ReasonOf(error), std::string(error.message())),
          .remedy = "do what the message says, or change or delete the probe"};
}

}  // namespace

DiagnosticResult DiagnoseFeature(const probe::Feature& feature) {
  const std::string check = "kernel " + feature.name;
  if (feature.available) return Pass(check, feature.detail);
  return {.check = check,
          .verdict = feature.required ? Verdict::kFail : Verdict::kWarning,
          .message = feature.required ? "missing, and nothing can be attached without it"
                                      : "missing: useful, but not needed to attach",
          .remedy = feature.detail};
}

DiagnosticResult DiagnoseClock(bool synchronized) {
  if (synchronized) return Pass("clock", "synchronised");
  return {
      .check = "clock",
      .verdict = Verdict::kWarning,
      .message = "nothing keeps the wall clock right: spans of several machines may not line up",
      .remedy = "run chrony or systemd-timesyncd on the machine"};
}

std::vector<DiagnosticResult> DiagnoseProbes(const std::vector<Probe>& probes) {
  std::vector<DiagnosticResult> results;
  uint64_t single_stepped = 0;
  for (const Probe& probe : probes) {
    results.push_back(DiagnoseProbe(probe));
    single_stepped += probe.status.single_stepped_sites;
  }
  if (single_stepped == 0) {
    results.push_back(Pass("single-stepped sites", "none in use"));
    return results;
  }
  results.push_back(
      {.check = "single-stepped sites",
       .verdict = Verdict::kWarning,
       .message = fmt::format("{} in use: each hit costs two traps instead of one", single_stepped),
       .remedy = "see which with `uprobectl profile show`, and leave out the "
                 "instrumentation that they belong to where the cost matters"});
  return results;
}

std::vector<DiagnosticResult> RunDiagnostics(const NodeSources& sources) {
  std::vector<DiagnosticResult> results;
  for (const probe::Feature& feature : sources.backend.Features()) {
    results.push_back(DiagnoseFeature(feature));
  }
  for (const Condition& condition : CheckConditions(sources)) {
    results.push_back(DiagnoseCondition(condition));
  }
  results.push_back(DiagnoseClock(ClockIsSynchronized()));
  for (DiagnosticResult& result :
       DiagnoseProbes(sources.controller.List("", std::numeric_limits<size_t>::max()))) {
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace uprobed::control
