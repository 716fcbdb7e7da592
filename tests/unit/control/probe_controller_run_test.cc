#include <atomic>
#include <thread>

#include "tests/unit/control/controller_fixture.h"

namespace uprobed::control {
namespace {

using ::testing::IsEmpty;

class RunTest : public ControllerTest {};

TEST_F(RunTest, ReconcilesWhatWasStoredBeforeItIsReady) {
  const std::string shop = Binary("shop");
  const store::ProbeRecord stored = Create(Record("web", shop))->record;
  controller_.reset();
  EXPECT_THAT(backend_.live(), IsEmpty());

  MakeController();
  EXPECT_FALSE(controller_->Reconciled());
  ASSERT_TRUE(controller_->Start().ok());

  EXPECT_TRUE(controller_->Reconciled());
  EXPECT_EQ(controller_->Get("web")->record, stored);
  EXPECT_EQ(StatusOf("web").state, ProbeState::kActive);
  EXPECT_EQ(backend_.live().size(), 1u);
}

TEST_F(RunTest, StartsWhereTheKernelCannotAttach) {
  ASSERT_TRUE(Create(Record("web", Binary("shop"))).ok());
  const std::string profile_id = StatusOf("web").profile_id;
  controller_.reset();
  backend_.Refuse(profile_id, MakeError(absl::StatusCode::kFailedPrecondition,
                                        "KERNEL_FEATURE_MISSING", "needs BTF"));
  Restart();
  EXPECT_TRUE(controller_->Reconciled());
  EXPECT_EQ(ReasonOf(StatusOf("web").error), "KERNEL_FEATURE_MISSING");
}

TEST_F(RunTest, StopDetachesAndRefusesNewWork) {
  const std::string shop = Binary("shop");
  const store::ProbeRecord record = Create(Record("web", shop))->record;
  const auto watch = controller_->Watch(0);
  (*watch)->Next(std::chrono::milliseconds(0));

  controller_->Stop();

  EXPECT_THAT(backend_.live(), IsEmpty());
  EXPECT_TRUE((*watch)->Next(std::chrono::minutes(5)).closed);
  EXPECT_EQ(store_->ListProbes()->size(), 1u);
  for (const absl::Status& refused :
       {Create(Record("api", Binary("api", 1))).status(),
        controller_->Update(record, "", false).status(), controller_->Delete("web", "", false),
        controller_->Watch(0).status()}) {
    EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ReasonOf(refused), "SHUTTING_DOWN");
  }
  controller_->ReconcileNow();
  EXPECT_THAT(backend_.live(), IsEmpty());
  controller_->Stop();
}

TEST_F(RunTest, TheThreadReconcilesByItself) {
  controller_.reset();
  ProbeController::Options options;
  options.proc_root = proc_.root();
  options.boot_id = boot_id_;
  options.reconcile_period = std::chrono::milliseconds(1);
  ProbeController controller(*store_, *catalog_, backend_, *directory_, std::move(options));
  ASSERT_TRUE(controller.Start().ok());
  ASSERT_TRUE(
      controller.Create(Record("web", dir_.File("shop")), {.allow_missing_binary = true}).ok());
  const auto watch = controller.Watch(0);

  std::filesystem::rename(Binary("upload"), dir_.File("shop"));

  ProbeState state = ProbeState::kWaiting;
  while (state != ProbeState::kActive) {
    const ProbeWatch::Batch batch = (*watch)->Next(std::chrono::minutes(2));
    ASSERT_FALSE(batch.events.empty());
    state = batch.events.back().probe.status.state;
  }
}

TEST_F(RunTest, ManyCallersAtOnceLeaveAConsistentState) {
  controller_.reset();
  ProbeController::Options options;
  options.proc_root = proc_.root();
  options.boot_id = boot_id_;
  options.reconcile_period = std::chrono::milliseconds(1);
  ProbeController controller(*store_, *catalog_, backend_, *directory_, std::move(options));
  ASSERT_TRUE(controller.Start().ok());
  const std::vector<std::string> paths = {Binary("one"), Binary("two", 1)};
  std::atomic<bool> done = false;
  const auto watch = controller.Watch(0);
  {
    std::vector<std::jthread> writers;
    for (size_t i = 0; i < paths.size(); ++i) {
      writers.emplace_back([&, i] {
        const std::string id = i == 0 ? "one" : "two";
        for (int round = 0; round < 5; ++round) {
          absl::StatusOr<Probe> probe = controller.Create(Record(id, paths[i]), {});
          EXPECT_TRUE(probe.ok()) << probe.status();
          if (!probe.ok()) return;
          probe->record.spec.capture_query = true;
          EXPECT_TRUE(controller.Update(probe->record, probe->etag(), false).ok());
          EXPECT_TRUE(controller.Delete(id, "", false).ok());
        }
      });
    }
    const std::jthread reader([&] {
      while (!done) {
        for (const Probe& probe : controller.List("", 10)) {
          EXPECT_EQ(probe.status.state, ProbeState::kActive);
        }
        (*watch)->Next(std::chrono::milliseconds(0));
      }
    });
    writers.clear();
    done = true;
  }
  EXPECT_THAT(controller.List("", 10), IsEmpty());
  EXPECT_THAT(backend_.live(), IsEmpty());
  EXPECT_THAT(*store_->ListProbes(), IsEmpty());
}

}  // namespace
}  // namespace uprobed::control
