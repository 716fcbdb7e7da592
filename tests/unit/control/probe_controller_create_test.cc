#include <sys/stat.h>
#include <unistd.h>

#include "server/control/proc_file.h"
#include "tests/unit/control/controller_fixture.h"

namespace uprobed::control {
namespace {

using profile::Instrumentation;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CreateTest : public ControllerTest {
 protected:
  // The profile of a Go program, as if the machine code said something else than the rest.
  void StoreSuspect(const std::string& path) {
    absl::StatusOr<ResolvedProfile> resolved = catalog_->ResolveTarget(path, 0, false);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    profile::FieldOffset& status = resolved->profile.fields["net/http.response.status"];
    ASSERT_FALSE(status.others.empty());
    status.others.back().offset = status.offset + 8;
    ASSERT_TRUE(store_->PutProfile(resolved->profile, path, false, 1).ok());
  }
};

// A Go program for a machine that this one is not; empty where none was built.
std::filesystem::path ForeignHello() {
  if (elf::kHostArchitecture == elf::Architecture::kArm64) return {};
  const auto targets = testing::AvailableTargets("hello", testing::Arm64TargetsDir());
  return targets.empty() ? std::filesystem::path() : targets.back().path;
}

TEST_F(CreateTest, RefusesABinaryOfAnotherArchitectureWhichCanBeResolved) {
  const std::filesystem::path foreign = ForeignHello();
  if (foreign.empty()) GTEST_SKIP() << "no Go programs for another architecture";
  const std::string shop = dir_.File("shop");
  std::filesystem::copy_file(foreign, shop);

  EXPECT_EQ(Refusal(Record("web", shop)), "BINARY_ARCHITECTURE_FOREIGN");
  EXPECT_EQ(Refusal(Record("web", shop), {.validate_only = true}), "BINARY_ARCHITECTURE_FOREIGN");
  const auto resolved = catalog_->ResolveTarget(shop, 0, false);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->profile.architecture, "arm64");
}

TEST_F(CreateTest, FailsAStoredProbeWhoseBinaryBecameOneOfAnotherArchitecture) {
  const std::filesystem::path foreign = ForeignHello();
  if (foreign.empty()) GTEST_SKIP() << "no Go programs for another architecture";
  const std::string shop = Binary("shop");
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  const std::string upgrade = dir_.File("upgrade");
  std::filesystem::copy_file(foreign, upgrade);
  std::filesystem::rename(upgrade, shop);

  const ProbeStatus status = Reconciled("web");

  EXPECT_EQ(status.state, ProbeState::kFailed);
  EXPECT_EQ(ReasonOf(status.error), "BINARY_ARCHITECTURE_FOREIGN");
  EXPECT_THAT(MessageOf(status.error), ::testing::HasSubstr("built for arm64"));
  EXPECT_THAT(backend_.live(), IsEmpty());
}

TEST_F(CreateTest, RefusesASuspectProfileAndNamesTheField) {
  const std::string shop = Binary("shop");
  StoreSuspect(shop);

  const absl::StatusOr<Probe> probe = Create(Record("web", shop));

  EXPECT_EQ(probe.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(probe.status()), "PROFILE_SUSPECT");
  EXPECT_EQ(MetadataOf(probe.status())["field"], "net/http.response.status");
  EXPECT_THAT(MessageOf(probe.status()),
              ::testing::ContainsRegex("dwarf says 1[0-9]+, .*disassembly says 1[0-9]+"));
  EXPECT_THAT(backend_.live(), IsEmpty());
}

TEST_F(CreateTest, AttachesASuspectProfileWhereTheProbeAllowsIt) {
  const std::string shop = Binary("shop");
  StoreSuspect(shop);
  store::ProbeRecord record = Record("web", shop);
  record.spec.allow_suspect_profile = true;

  const absl::StatusOr<Probe> probe = Create(record);

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.state, ProbeState::kActive);
  EXPECT_TRUE(store_->ListProbes()->front().spec.allow_suspect_profile);
}

TEST_F(CreateTest, FailsAStoredProbeWhoseBinaryBecameSuspect) {
  const std::string shop = Binary("shop");
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  Replace(shop);
  StoreSuspect(shop);

  const ProbeStatus status = Reconciled("web");

  EXPECT_EQ(status.state, ProbeState::kFailed);
  EXPECT_EQ(ReasonOf(status.error), "PROFILE_SUSPECT");
}

TEST_F(CreateTest, AttachesStoresAndTellsTheTrueState) {
  const std::string shop = Binary("shop");
  proc_.AddProcess(40, shop);
  proc_.AddProcess(41, shop);

  const absl::StatusOr<Probe> probe = Create(Record("web", shop));

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->record.generation, 1);
  EXPECT_EQ(probe->record.create_time_unix_ns, unix_ns_);
  EXPECT_FALSE(probe->record.uid.empty());
  EXPECT_EQ(probe->status.state, ProbeState::kActive);
  EXPECT_EQ(probe->status.observed_generation, 1);
  EXPECT_EQ(probe->status.transition_time_unix_ns, unix_ns_);
  EXPECT_EQ(probe->status.attached_binaries, 1u);
  EXPECT_GT(probe->status.attached_sites, 0u);
  EXPECT_THAT(probe->status.pids, ElementsAre(40, 41));
  EXPECT_EQ(probe->status.profile_id, backend_.live().begin()->second.profile_id);
  EXPECT_THAT(*store_->ListProbes(), ElementsAre(probe->record));
}

TEST_F(CreateTest, AsksForAllThatTheBinaryHasWhereNoneIsNamed) {
  ASSERT_TRUE(Create(Record("web", Binary("shop"))).ok());
  const probe::AttachOptions options = backend_.live().begin()->second.options;
  EXPECT_THAT(options.instrumentations,
              ElementsAre(Instrumentation::kHttpServer, Instrumentation::kHttpClient));
  EXPECT_THAT(options.scoped_pids, IsEmpty());
}

TEST_F(CreateTest, StoresInstrumentationsOnceAndInOrder) {
  store::ProbeRecord record = Record("web", Binary("shop"));
  record.spec.instrumentations = {Instrumentation::kHttpClient, Instrumentation::kHttpServer,
                                  Instrumentation::kHttpClient};
  ASSERT_TRUE(Create(record).ok());
  EXPECT_THAT(controller_->Get("web")->record.spec.instrumentations,
              ElementsAre(Instrumentation::kHttpServer, Instrumentation::kHttpClient));
}

TEST_F(CreateTest, MakesAnIdFromTheFileName) {
  EXPECT_EQ(Create(Record("", Binary("Shop")))->record.id, "shop");
  std::filesystem::create_directory(dir_.path() / "v2");
  EXPECT_EQ(Create(Record("", Binary("v2/shop", 1)))->record.id, "shop-2");
}

TEST_F(CreateTest, RefusesABadId) {
  EXPECT_EQ(Refusal(Record("Web", Binary("shop"))), "PROBE_ID_INVALID");
}

TEST_F(CreateTest, RefusesATargetThatIsNotOne) {
  EXPECT_EQ(Refusal(Record("web", "")), "TARGET_MISSING");
  EXPECT_EQ(Refusal(Record("web", "srv/shop")), "TARGET_NOT_ABSOLUTE");
  store::ProbeRecord both = Record("web", Binary("shop"));
  both.spec.pid = 40;
  EXPECT_EQ(Refusal(both), "TARGET_AMBIGUOUS");
}

TEST_F(CreateTest, RefusesWhatIsNoProgram) {
  EXPECT_EQ(Refusal(Record("web", dir_.File("absent"))), "BINARY_NOT_FOUND");
  EXPECT_EQ(Refusal(Record("web", dir_.path().string())), "BINARY_NOT_REGULAR_FILE");
  EXPECT_EQ(Refusal(Record("web", dir_.Write("text", "hello"))), "BINARY_NOT_ELF");
  const std::string fifo = dir_.File("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(Refusal(Record("web", fifo)), "BINARY_NOT_REGULAR_FILE");
}

TEST_F(CreateTest, RefusesAProgramThatIsNotGo) {
  EXPECT_EQ(Refusal(Record("web", "/bin/true")), "BINARY_NOT_GO");
}

TEST_F(CreateTest, RefusesAGoProgramWithoutHttp) {
  const std::vector<testing::TargetProgram> programs = testing::AvailableTargets("nohttp");
  if (programs.empty()) GTEST_SKIP() << "no Go programs: run scripts/build_targets";
  EXPECT_EQ(Refusal(Record("web", programs.front().path)), "NET_HTTP_MISSING");
}

TEST_F(CreateTest, NeverProbesItself) {
  const std::string self = *ReadLink("/proc/self/exe");
  EXPECT_EQ(Refusal(Record("web", self)), "TARGET_IS_SELF");
  const std::string other_name = dir_.File("other-name");
  std::filesystem::create_symlink(self, other_name);
  EXPECT_EQ(Refusal(Record("web", other_name)), "TARGET_IS_SELF");

  const auto own_pid = static_cast<uint32_t>(getpid());
  proc_.AddProcess(own_pid, Binary("shop"));
  EXPECT_EQ(Refusal(PidRecord("web", own_pid)), "TARGET_IS_SELF");
  proc_.AddProcess(4000001, self);  // another process of the daemon's binary
  EXPECT_EQ(Refusal(PidRecord("web", 4000001)), "TARGET_IS_SELF");
}

TEST_F(CreateTest, RefusesWhereTheKernelCannot) {
  backend_.SetAvailable(
      MakeError(absl::StatusCode::kFailedPrecondition, "DAEMON_CAPS_MISSING", "give it CAP_BPF"));
  EXPECT_EQ(Refusal(Record("web", Binary("shop"))), "DAEMON_CAPS_MISSING");
  EXPECT_EQ(Refusal(Record("web", dir_.File("absent")), {.allow_missing_binary = true}),
            "DAEMON_CAPS_MISSING");
}

TEST_F(CreateTest, WaitsForAMissingBinaryWhereThatIsAllowed) {
  const absl::StatusOr<Probe> probe =
      Create(Record("web", dir_.File("absent")), {.allow_missing_binary = true});
  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.state, ProbeState::kWaiting);
  EXPECT_EQ(ReasonOf(probe->status.error), "BINARY_NOT_FOUND");
  EXPECT_EQ(store_->ListProbes()->size(), 1u);
}

TEST_F(CreateTest, RefusesAnIdThatIsTaken) {
  ASSERT_TRUE(Create(Record("web", Binary("shop"))).ok());
  const absl::StatusOr<Probe> second = Create(Record("web", Binary("other", 1)));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(second.status()), "PROBE_EXISTS");
}

TEST_F(CreateTest, RefusesASecondProbeOfOneBinary) {
  const std::string shop = Binary("shop");
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  std::filesystem::create_hard_link(shop, dir_.File("shop-link"));
  proc_.AddProcess(40, shop);

  const absl::StatusOr<Probe> second = Create(Record("again", shop));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(second.status()), "BINARY_ALREADY_PROBED");
  EXPECT_EQ(MetadataOf(second.status())["probe"], "web");
  EXPECT_EQ(Refusal(Record("again", dir_.File("shop-link"))), "BINARY_ALREADY_PROBED");
  EXPECT_EQ(Refusal(PidRecord("again", 40)), "BINARY_ALREADY_PROBED");
}

TEST_F(CreateTest, RefusesASecondProbeOfAPathWithoutFile) {
  const std::string absent = dir_.File("absent");
  ASSERT_TRUE(Create(Record("web", absent), {.allow_missing_binary = true}).ok());
  EXPECT_EQ(Refusal(Record("again", absent), {.allow_missing_binary = true}),
            "BINARY_ALREADY_PROBED");
}

TEST_F(CreateTest, RefusesAProcessThatStillRunsAReplacedProbedFile) {
  const std::string shop = Binary("shop");
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  proc_.AddProcess(40, Replace(shop));
  EXPECT_EQ(Reconciled("web").attached_binaries, 2u);
  EXPECT_EQ(Refusal(PidRecord("again", 40)), "BINARY_ALREADY_PROBED");
}

TEST_F(CreateTest, ObservesOneProcess) {
  const std::string shop = Binary("shop");
  proc_.AddProcess(40, shop, 777);
  proc_.AddProcess(41, shop);

  const absl::StatusOr<Probe> probe = Create(PidRecord("", 40));

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->record.id, "shop");
  EXPECT_EQ(probe->record.spec.binary_path, shop);
  EXPECT_EQ(probe->record.spec.pid_start_time, 777u);
  EXPECT_EQ(probe->record.spec.boot_id, kBootId);
  EXPECT_THAT(probe->status.pids, ElementsAre(40));
  EXPECT_THAT(backend_.live().begin()->second.options.scoped_pids, ElementsAre(40));
}

TEST_F(CreateTest, ProcessesOfOneBinaryMayEachHaveAProbe) {
  const std::string shop = Binary("shop");
  proc_.AddProcess(40, shop);
  proc_.AddProcess(41, shop);
  ASSERT_TRUE(Create(PidRecord("one", 40)).ok());
  EXPECT_TRUE(Create(PidRecord("two", 41)).ok());
  EXPECT_EQ(backend_.live().size(), 2u);
  EXPECT_EQ(Refusal(PidRecord("again", 41)), "BINARY_ALREADY_PROBED");
  EXPECT_EQ(Refusal(Record("all", shop)), "BINARY_ALREADY_PROBED");
}

TEST_F(CreateTest, AProbeOfAProcessThatIsGoneIsInNobodysWay) {
  const std::string shop = Binary("shop");
  proc_.AddProcess(40, shop);
  ASSERT_TRUE(Create(PidRecord("one", 40)).ok());
  proc_.RemoveProcess(40);
  controller_->ReconcileNow();
  EXPECT_TRUE(Create(Record("all", shop)).ok());
}

TEST_F(CreateTest, RefusesAProcessThatIsNotThere) {
  EXPECT_EQ(Refusal(PidRecord("web", 4000000)), "PROCESS_NOT_FOUND");
  proc_.AddProcess(2, "/nonexistent/kernel-thread");
  std::filesystem::remove(std::filesystem::path(proc_.root()) / "2/exe");
  EXPECT_EQ(Refusal(PidRecord("web", 2)), "PROCESS_NOT_FOUND");
  proc_.AddProcess(3, Binary("shop"));
  proc_.WriteStat(3, 'Z', 100);
  EXPECT_EQ(Refusal(PidRecord("web", 3)), "PROCESS_NOT_FOUND");
}

TEST_F(CreateTest, ValidatesWithoutEffect) {
  const std::string shop = Binary("shop");
  const absl::StatusOr<Probe> probe = Create(Record("", shop), {.validate_only = true});
  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->record.id, "shop");
  EXPECT_EQ(probe->status.state, ProbeState::kPending);
  EXPECT_EQ(controller_->Get("shop").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(*store_->ListProbes(), IsEmpty());
  EXPECT_EQ(backend_.attempts(), 0);

  ASSERT_TRUE(Create(Record("web", shop)).ok());
  EXPECT_EQ(Refusal(Record("again", shop), {.validate_only = true}), "BINARY_ALREADY_PROBED");
}

TEST_F(CreateTest, StoresADisabledProbeWithoutAttaching) {
  store::ProbeRecord record = Record("web", Binary("shop"));
  record.spec.enabled = false;
  EXPECT_EQ(Create(record)->status.state, ProbeState::kDisabled);
  EXPECT_EQ(backend_.attempts(), 0);
}

TEST_F(CreateTest, KnowsTheSlotBeforeTheFirstEvent) {
  const std::string shop = Binary("shop");
  std::string probe_of_event;
  backend_.SetDuringAttach(
      [&](uint32_t slot) { probe_of_event = directory_->Find(slot, 1, 0)->probe; });
  ASSERT_TRUE(Create(Record("web", shop)).ok());
  EXPECT_EQ(probe_of_event, "web");
}

TEST_F(CreateTest, ReadersDoNotWaitForAnAttach) {
  ASSERT_TRUE(Create(Record("first", Binary("first"))).ok());
  size_t listed = 0;
  bool found = false;
  backend_.SetDuringAttach([&](uint32_t) {
    listed = controller_->List("", 10).size();
    found = controller_->Get("first").ok();
  });
  ASSERT_TRUE(Create(Record("second", Binary("second", 1))).ok());
  EXPECT_EQ(listed, 1u);
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace uprobed::control
