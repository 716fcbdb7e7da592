#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "server/control/probe_controller.h"
#include "tests/unit/control/controller_fixture.h"

namespace uprobed::control {
namespace {

using Said = std::map<std::string, std::string>;

// What is said of a probe, by type: the reason, behind "+" where it is true, "-" where false.
Said SaidOf(const ProbeStatus& status) {
  Said said;
  for (size_t i = 0; i < kConditionTypes; ++i) {
    const auto type = static_cast<ConditionType>(i);
    const ProbeCondition& condition = status.conditions[i];
    const char* sign = condition.status == ConditionStatus::kTrue    ? "+"
                       : condition.status == ConditionStatus::kFalse ? "-"
                                                                     : "?";
    said[std::string(Name(type))] = sign + TextOf(type, condition).reason;
  }
  return said;
}

class ConditionsTest : public ControllerTest {
 protected:
  static constexpr int64_t kSecond = 1'000'000'000;

  static const ProbeCondition& Of(const ProbeStatus& status, ConditionType type) {
    return status.conditions[static_cast<size_t>(type)];
  }
  ProbeStatus AfterASecond(uint64_t hits) {
    monotonic_ns_ += kSecond;
    unix_ns_ += kSecond;
    for (const auto& [slot, attached] : backend_.live()) {
      backend_.Count(slot, UP_COUNTER_HITS_SERVER_START, hits);
    }
    return Reconciled("shop");
  }
};

TEST_F(ConditionsTest, AreAllTrueOfAProbeThatHasAll) {
  ASSERT_TRUE(Create(Record("shop", Binary("shop"))).ok());
  const ProbeStatus status = StatusOf("shop");
  EXPECT_EQ(SaidOf(status), (Said{{"Attached", "+SITES_ATTACHED"},
                                  {"Complete", "+NOTHING_MISSING"},
                                  {"FieldsConsistent", "+NO_FIELD_REFUTED"},
                                  {"WithinBudget", "+NOTHING_LEFT_OUT"}}));
}

TEST_F(ConditionsTest, AreUnknownOfWhatIsNotAttached) {
  const std::string path = Binary("shop");
  ASSERT_TRUE(Create(Record("shop", path)).ok());
  const Said away{{"Attached", "-BINARY_NOT_FOUND"},
                  {"Complete", "?NOT_ATTACHED"},
                  {"FieldsConsistent", "?NOT_ATTACHED"},
                  {"WithinBudget", "?NOT_ATTACHED"}};
  std::filesystem::remove(path);
  EXPECT_EQ(SaidOf(Reconciled("shop")), away);

  store::ProbeRecord record = controller_->Get("shop")->record;
  record.spec.enabled = false;
  const absl::StatusOr<Probe> disabled = controller_->Update(record, "", false);
  ASSERT_TRUE(disabled.ok()) << disabled.status();
  EXPECT_EQ(SaidOf(disabled->status)["Attached"], "-PROBE_DISABLED");
  EXPECT_EQ(disabled->status.state, ProbeState::kDisabled);
  EXPECT_TRUE(disabled->status.error.ok()) << "what the user wants is no error";
}

TEST_F(ConditionsTest, TellEachFlawWhereTheErrorTellsTheFirst) {
  const std::string path = Binary("shop");
  proc_.AddProcess(7, path);
  backend_.SetHitCost(1000);
  store::ProbeRecord record = Record("shop", path);
  record.spec.instrumentations = {profile::Instrumentation::kHttpServer};
  record.spec.stitch_traces = true;
  ASSERT_TRUE(Create(record).ok());

  const ProbeStatus status = AfterASecond(50'000);

  EXPECT_EQ(status.state, ProbeState::kDegraded);
  EXPECT_EQ(ReasonOf(status.error), "STITCHING_UNAVAILABLE");
  EXPECT_EQ(SaidOf(status), (Said{{"Attached", "+SITES_ATTACHED"},
                                  {"Complete", "-STITCHING_UNAVAILABLE"},
                                  {"FieldsConsistent", "+NO_FIELD_REFUTED"},
                                  {"WithinBudget", "-OVERHEAD_BUDGET_EXCEEDED"}}));
}

TEST_F(ConditionsTest, TellOfAStepDownAndTheWayBack) {
  const std::string path = Binary("shop");
  proc_.AddProcess(7, path);
  backend_.SetHitCost(1000);
  ASSERT_TRUE(Create(Record("shop", path)).ok());
  const int64_t created = unix_ns_;

  ProbeStatus status = AfterASecond(50'000);
  const int64_t stepped_down = unix_ns_;
  EXPECT_EQ(Of(status, ConditionType::kWithinBudget).transition_time_unix_ns, stepped_down);
  EXPECT_EQ(Of(status, ConditionType::kAttached).transition_time_unix_ns, created);

  // Two levels further: why it is false changes, since when it is does not.
  const std::string before = MessageOf(Of(status, ConditionType::kWithinBudget).error);
  AfterASecond(50'000);
  status = AfterASecond(50'000);
  EXPECT_EQ(SaidOf(status), (Said{{"Attached", "-OVERHEAD_BUDGET_EXCEEDED"},
                                  {"Complete", "?NOT_ATTACHED"},
                                  {"FieldsConsistent", "?NOT_ATTACHED"},
                                  {"WithinBudget", "-OVERHEAD_BUDGET_EXCEEDED"}}));
  EXPECT_EQ(Of(status, ConditionType::kWithinBudget).transition_time_unix_ns, stepped_down);
  EXPECT_NE(MessageOf(Of(status, ConditionType::kWithinBudget).error), before);
  EXPECT_EQ(Of(status, ConditionType::kAttached).transition_time_unix_ns, unix_ns_);

  for (int second = 0; second < 30; ++second) status = AfterASecond(0);
  EXPECT_EQ(SaidOf(status)["WithinBudget"], "+NOTHING_LEFT_OUT");
  EXPECT_GT(Of(status, ConditionType::kWithinBudget).transition_time_unix_ns, stepped_down);
}

TEST(Conditions, DifferByMoreThanTheirTimes) {
  const absl::Status first = MakeError(absl::StatusCode::kInternal, "FIRST", "a sentence");
  const ProbeConditions before{MakeCondition(absl::OkStatus()), MakeCondition(first)};
  ProbeConditions after = before;
  after[0].transition_time_unix_ns = 7;
  EXPECT_FALSE(Differ(before, after));
  after[1] = MakeCondition(MakeError(absl::StatusCode::kInternal, "FIRST", "another sentence"));
  EXPECT_TRUE(Differ(before, after));
  after = before;
  after[3] = MakeCondition(absl::OkStatus());
  EXPECT_TRUE(Differ(before, after)) << "unknown before, true now";
}

}  // namespace
}  // namespace uprobed::control
