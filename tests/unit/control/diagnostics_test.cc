#include "server/control/diagnostics.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "server/base/errors.h"
#include "tests/support/fake_probe_backend.h"

namespace uprobed::control {
namespace {

using Verdict = DiagnosticResult::Verdict;
using uprobed::testing::FakeProbeBackend;

Probe ProbeWith(ProbeState state, absl::Status error = absl::OkStatus()) {
  Probe probe;
  probe.record.id = "web";
  probe.status.state = state;
  probe.status.error = std::move(error);
  return probe;
}

TEST(DiagnoseFeature, FailsOnlyWhereItIsRequired) {
  probe::Feature feature{
      .name = "btf", .available = true, .required = true, .detail = "mount /sys"};
  EXPECT_EQ(DiagnoseFeature(feature).verdict, Verdict::kPass);
  EXPECT_EQ(DiagnoseFeature(feature).remedy, "");
  feature.available = false;
  EXPECT_EQ(DiagnoseFeature(feature).verdict, Verdict::kFail);
  EXPECT_EQ(DiagnoseFeature(feature).remedy, "mount /sys");
  feature.required = false;
  EXPECT_EQ(DiagnoseFeature(feature).verdict, Verdict::kWarning);
}

TEST(DiagnoseClock, WarnsWhereNothingKeepsItRight) {
  EXPECT_EQ(DiagnoseClock(true).verdict, Verdict::kPass);
  EXPECT_EQ(DiagnoseClock(false).verdict, Verdict::kWarning);
  EXPECT_FALSE(DiagnoseClock(false).remedy.empty());
}

TEST(DiagnoseProbes, WarnsOfFailedAndDegradedProbes) {
  const absl::Status error =
      MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND", "no such function");
  for (const ProbeState state :
       {ProbeState::kFailed, ProbeState::kDegraded, ProbeState::kSuspended}) {
    const DiagnosticResult result = DiagnoseProbes({ProbeWith(state, error)}).front();
    EXPECT_EQ(result.check, "probe web");
    EXPECT_EQ(result.verdict, Verdict::kWarning);
    EXPECT_EQ(result.message, std::string(Name(state)) + ": SITE_NOT_FOUND: no such function");
    EXPECT_FALSE(result.remedy.empty());
  }
  for (const ProbeState state :
       {ProbeState::kActive, ProbeState::kWaiting, ProbeState::kDisabled, ProbeState::kPending}) {
    EXPECT_EQ(DiagnoseProbes({ProbeWith(state)}).front().verdict, Verdict::kPass);
  }
}

TEST(DiagnoseProbes, WarnsOfSingleSteppedSites) {
  Probe probe = ProbeWith(ProbeState::kActive);
  EXPECT_EQ(DiagnoseProbes({probe}).back().verdict, Verdict::kPass);
  probe.status.single_stepped_sites = 2;
  const DiagnosticResult result = DiagnoseProbes({probe, probe}).back();
  EXPECT_EQ(result.verdict, Verdict::kWarning);
  EXPECT_EQ(result.message.substr(0, 8), "4 in use");
}

TEST(RunDiagnostics, GoesThroughEverything) {
  auto store = store::Store::Open(":memory:", 1);
  ASSERT_TRUE(store.ok()) << store.status();
  FakeProbeBackend backend;
  backend.SetFeatures(
      {{.name = "btf", .available = false, .required = true, .detail = "mount /sys"}});
  backend.SetAvailable(
      MakeError(absl::StatusCode::kFailedPrecondition, "KERNEL_FEATURE_MISSING", "needs BTF"));
  ProfileCatalog catalog(**store);
  EventDirectory directory;
  ProbeController controller(**store, catalog, backend, directory, {});
  ASSERT_TRUE(controller.Start().ok());

  const std::vector<DiagnosticResult> results = RunDiagnostics({.backend = backend,
                                                                .store = **store,
                                                                .controller = controller,
                                                                .proc_root = "/proc",
                                                                .libbpf_version = "",
                                                                .sqlite_version = "",
                                                                .start_time_unix_ns = 0});

  const auto verdict = [&results](const std::string& check) {
    const auto found = std::find_if(results.begin(), results.end(),
                                    [&](const auto& result) { return result.check == check; });
    EXPECT_NE(found, results.end()) << check;
    return found == results.end() ? Verdict::kFail : found->verdict;
  };
  EXPECT_EQ(verdict("kernel btf"), Verdict::kFail);
  EXPECT_EQ(verdict("condition KernelReady"), Verdict::kFail);
  EXPECT_EQ(verdict("condition StoreReady"), Verdict::kPass);
  EXPECT_EQ(verdict("condition Reconciled"), Verdict::kPass);
  EXPECT_EQ(verdict("single-stepped sites"), Verdict::kPass);
  verdict("clock");
}

}  // namespace
}  // namespace uprobed::control
