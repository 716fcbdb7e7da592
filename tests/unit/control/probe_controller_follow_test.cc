#include "tests/unit/control/controller_fixture.h"

namespace uprobed::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kSecond = 1'000'000'000;

class FollowTest : public ControllerTest {
 protected:
  std::string ProfileOf(const std::string& path) {
    return catalog_->ResolveTarget(path, 0, false)->profile.identity.Id();
  }
  absl::Status Refused() {
    return MakeError(absl::StatusCode::kUnavailable, "ATTACH_FAILED", "try again");
  }
};

TEST_F(FollowTest, IsDegradedWhereRequestsRefuteAnOffset) {
  ASSERT_TRUE(Create(Record("web", Binary("shop"))).ok());
  const uint32_t slot = backend_.live().begin()->first;
  EXPECT_EQ(Reconciled("web").state, ProbeState::kActive);
  for (int i = 0; i < 5; ++i) {
    up_http_event event{};
    event.kind = UP_EVENT_HTTP_SERVER;
    event.slot = slot;
    event.status = 70000;
    directory_->Check(event);
    EXPECT_EQ(event.status, 0U);
  }

  const ProbeStatus status = Reconciled("web");
  EXPECT_EQ(status.state, ProbeState::kDegraded);
  EXPECT_EQ(ReasonOf(status.error), "FIELD_REFUTED");
  EXPECT_THAT(std::string(status.error.message()),
              ::testing::HasSubstr("net/http.response.status"));
  const absl::StatusOr<profile::Profile> stored = store_->GetProfile(status.profile_id);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->verdicts.at("net/http.response.status"), FieldVerdict::kRefuted);
}

TEST_F(FollowTest, ChangesNothingWhereNothingChanged) {
  ASSERT_TRUE(Create(Record("web", Binary("shop"))).ok());
  controller_->ReconcileNow();
  controller_->ReconcileNow();
  EXPECT_EQ(backend_.attempts(), 1);
  EXPECT_EQ(backend_.detaches(), 0);
}

TEST_F(FollowTest, AttachesABinaryThatAppears) {
  ASSERT_TRUE(Create(Record("web", dir_.File("shop")), {.allow_missing_binary = true}).ok());
  Binary("shop");
  EXPECT_EQ(Reconciled("web").state, ProbeState::kActive);
}

TEST_F(FollowTest, SeesProcessesThatStartLater) {
  const std::string shop = Binary("shop");
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  proc_.AddProcess(40, shop);
  EXPECT_THAT(Reconciled("web").pids, ElementsAre(40));
  proc_.RemoveProcess(40);
  EXPECT_THAT(Reconciled("web").pids, IsEmpty());
}

TEST_F(FollowTest, AttachesAReplacedFileAndLeavesTheOldOneToItsProcesses) {
  const std::string shop = Binary("shop");
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  backend_.Count(0, UP_COUNTER_HITS_SERVER_START, 5);
  proc_.AddProcess(40, Replace(shop));
  proc_.AddProcess(41, shop);

  const ProbeStatus both = Reconciled("web");
  EXPECT_EQ(both.state, ProbeState::kActive);
  EXPECT_EQ(both.attached_binaries, 2u);
  EXPECT_EQ(both.profile_id, ProfileOf(shop));
  EXPECT_THAT(both.pids, ElementsAre(40, 41));

  proc_.RemoveProcess(40);
  backend_.Count(1, UP_COUNTER_HITS_SERVER_START, 2);
  const ProbeStatus one = Reconciled("web");
  EXPECT_EQ(one.attached_binaries, 1u);
  EXPECT_THAT(one.pids, ElementsAre(41));
  EXPECT_EQ(one.counters.value[UP_COUNTER_HITS_SERVER_START], 7u);
}

TEST_F(FollowTest, DropsAReplacedFileThatNobodyRuns) {
  const std::string shop = Binary("shop");
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  Replace(shop);
  EXPECT_EQ(Reconciled("web").attached_binaries, 1u);
  EXPECT_EQ(backend_.live().begin()->second.profile_id, ProfileOf(shop));
}

TEST_F(FollowTest, AttachesAnewWhereAFileIsWrittenToInPlace) {
  const std::string shop = Binary("shop");
  proc_.AddProcess(40, shop);
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  const std::string before = StatusOf("web").profile_id;
  Binary("shop", 1);

  const ProbeStatus status = Reconciled("web");

  EXPECT_EQ(status.state, ProbeState::kActive);
  EXPECT_EQ(status.attached_binaries, 1u);
  EXPECT_NE(status.profile_id, before);
}

TEST_F(FollowTest, DetachesWhereAFileWrittenToInPlaceIsNoProgramAnyMore) {
  ASSERT_TRUE(Create(Record("web", Binary("shop"))).ok());
  dir_.Write("shop", "half a binary");
  const ProbeStatus status = Reconciled("web");
  EXPECT_EQ(status.state, ProbeState::kFailed);
  EXPECT_EQ(ReasonOf(status.error), "BINARY_NOT_ELF");
  EXPECT_THAT(backend_.live(), IsEmpty());
}

TEST_F(FollowTest, StaysAttachedWhereTheContentIsTheSame) {
  const std::string shop = Binary("shop");
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  std::filesystem::last_write_time(
      shop, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_EQ(Reconciled("web").state, ProbeState::kActive);
  EXPECT_EQ(backend_.attempts(), 1);
  EXPECT_EQ(backend_.detaches(), 0);
}

TEST_F(FollowTest, WaitsForAMissingFileAndLeavesItsProcessesObserved) {
  const std::string shop = Binary("shop");
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  std::filesystem::rename(shop, dir_.File("away"));
  proc_.AddProcess(40, dir_.File("away"));

  const ProbeStatus running = Reconciled("web");
  EXPECT_EQ(running.state, ProbeState::kWaiting);
  EXPECT_EQ(ReasonOf(running.error), "BINARY_NOT_FOUND");
  EXPECT_EQ(running.attached_binaries, 1u);

  proc_.RemoveProcess(40);
  EXPECT_EQ(Reconciled("web").attached_binaries, 0u);
  EXPECT_THAT(backend_.live(), IsEmpty());
}

TEST_F(FollowTest, DetachesFromAProcessThatHasEnded) {
  proc_.AddProcess(40, Binary("shop"), 777);
  ASSERT_TRUE(Create(PidRecord("web", 40)).ok());
  proc_.RemoveProcess(40);
  const ProbeStatus status = Reconciled("web");
  EXPECT_EQ(status.state, ProbeState::kWaiting);
  EXPECT_EQ(ReasonOf(status.error), "PROCESS_EXITED");
  EXPECT_THAT(backend_.live(), IsEmpty());
}

TEST_F(FollowTest, DetachesFromAReusedPid) {
  const std::string shop = Binary("shop");
  proc_.AddProcess(40, shop, 777);
  ASSERT_TRUE(Create(PidRecord("web", 40)).ok());
  proc_.AddProcess(40, shop, 778);
  EXPECT_EQ(ReasonOf(Reconciled("web").error), "PROCESS_EXITED");
  EXPECT_THAT(backend_.live(), IsEmpty());
}

TEST_F(FollowTest, APidMeansNothingAfterAReboot) {
  proc_.AddProcess(40, Binary("shop"), 777);
  ASSERT_TRUE(Create(PidRecord("web", 40)).ok());
  boot_id_ = "boot-2";
  Restart();
  EXPECT_EQ(ReasonOf(StatusOf("web").error), "PROCESS_EXITED");
  EXPECT_THAT(backend_.live(), IsEmpty());
}

TEST_F(FollowTest, FollowsAProcessToTheProgramItExecutes) {
  proc_.AddProcess(40, Binary("shop"));
  ASSERT_TRUE(Create(PidRecord("web", 40)).ok());
  const std::string next = Binary("next", 1);
  proc_.SetExecutable(40, next);
  const ProbeStatus status = Reconciled("web");
  EXPECT_EQ(status.state, ProbeState::kActive);
  EXPECT_EQ(status.attached_binaries, 1u);
  EXPECT_EQ(status.profile_id, ProfileOf(next));
}

TEST_F(FollowTest, TriesAgainWithAGrowingDelay) {
  const std::string shop = Binary("shop");
  backend_.Refuse(ProfileOf(shop), Refused());
  const absl::StatusOr<Probe> probe = Create(Record("web", shop));
  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.state, ProbeState::kFailed);
  EXPECT_EQ(ReasonOf(probe->status.error), "ATTACH_FAILED");

  int attempts = 1;
  for (const uint64_t delay : {1UL, 2UL, 4UL, 8UL, 16UL, 32UL, 64UL, 128UL, 256UL, 300UL, 300UL}) {
    monotonic_ns_ += delay * kSecond - 1;
    EXPECT_EQ(Reconciled("web").state, ProbeState::kFailed);
    EXPECT_EQ(backend_.attempts(), attempts) << "too early for " << delay;
    monotonic_ns_ += 1;
    controller_->ReconcileNow();
    EXPECT_EQ(backend_.attempts(), ++attempts) << "not after " << delay;
  }

  backend_.Refuse(ProfileOf(shop), absl::OkStatus());
  monotonic_ns_ += 300 * kSecond;
  EXPECT_EQ(Reconciled("web").state, ProbeState::kActive);
}

TEST_F(FollowTest, TriesAgainAtOnceWhereTheFileChanged) {
  const std::string shop = Binary("shop");
  backend_.Refuse(ProfileOf(shop), Refused());
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  Replace(shop);
  EXPECT_EQ(Reconciled("web").state, ProbeState::kActive);
}

TEST_F(FollowTest, AFailureStandsInNobodysWay) {
  const std::string bad = Binary("a-bad");
  const std::string good = Binary("b-good", 1);
  ASSERT_TRUE(Create(Record("a-bad", bad)).ok());
  ASSERT_TRUE(Create(Record("b-good", good)).ok());
  controller_.reset();
  backend_.Refuse(ProfileOf(bad), Refused());
  Restart();
  EXPECT_EQ(StatusOf("a-bad").state, ProbeState::kFailed);
  EXPECT_EQ(StatusOf("b-good").state, ProbeState::kActive);
  EXPECT_TRUE(controller_->Reconciled());
}

TEST_F(FollowTest, DoesNotAttachTwiceWhereTwoPathsBecomeOneFile) {
  const std::string one = Binary("one");
  const std::string two = dir_.File("two");
  ASSERT_TRUE(Create(Record("one", one)).ok());
  ASSERT_TRUE(Create(Record("two", two), {.allow_missing_binary = true}).ok());
  std::filesystem::create_hard_link(one, two);
  const ProbeStatus status = Reconciled("two");
  EXPECT_EQ(status.state, ProbeState::kFailed);
  EXPECT_EQ(ReasonOf(status.error), "BINARY_ALREADY_PROBED");
  EXPECT_EQ(backend_.live().size(), 1u);
}

TEST_F(FollowTest, AnnouncesWhereTheServiceListens) {
  const std::string shop = Binary("shop");
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  proc_.AddProcess(40, shop);
  proc_.Write(40, "environ", "OTEL_SERVICE_NAME=front");
  proc_.Write(40, "net/tcp", testing::TcpTable("0100007F:1F90", "0A", 4711));
  proc_.AddSocket(40, 3, 4711);
  controller_->ReconcileNow();
  EXPECT_THAT(services_, ElementsAre(std::pair("127.0.0.1:8080", "front"),
                                     std::pair("localhost:8080", "front")));
}

}  // namespace
}  // namespace uprobed::control
