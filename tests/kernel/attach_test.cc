// What the kernel side does around a request: refuses, scopes, counts what it loses, forgets.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "server/base/errors.h"
#include "tests/kernel/kernel_fixture.h"
#include "tests/support/program_text.h"

namespace uprobed::testing {
namespace {

class AttachTest : public KernelTest {
 protected:
  AttachTest() = default;
  explicit AttachTest(const probe::BpfObjectOptions& options) : KernelTest(options) {}

  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    const std::vector<TargetProgram> targets = AvailableTargets("hello");
    if (targets.empty()) GTEST_SKIP() << "no Go program to probe: run scripts/build_targets";
    path_ = OwnCopy(targets.back().path);
  }

  static std::string Url(const RunningTarget& target, const std::string& path) {
    return "http://" + target.address + path;
  }

  // A request that is being served, and not done for longer than any test takes.
  std::optional<ChildProcess> BeginSlowRequest(const RunningTarget& target) {
    std::optional<ChildProcess> request = ChildProcess::Start(
        {(TargetsDir() / "loadgen").string(), "-url", Url(target, "/slow?ms=600000"), "-n", "1"});
    while (request.has_value() && backend_.InFlight() == 0) std::this_thread::yield();
    return request;
  }

  std::string path_;
};

TEST_F(AttachTest, RefusesAFileWhoseBytesAreNotTheProfiles) {
  const absl::StatusOr<elf::ElfFile> file = elf::ElfFile::Open(path_);
  ASSERT_TRUE(file.ok());
  profile::Profile profile = *profile::Resolve(*file, *profile::ReadIdentity(*file));
  profile.sites.back().bytes.back() ^= 1;

  probe::AttachOptions options;
  options.instrumentations = {profile::Instrumentation::kHttpServer};
  const auto attachment = backend_.Attach(file->fd(), profile, options);

  EXPECT_EQ(ReasonOf(attachment.status()), "PROFILE_BYTES_MISMATCH");
}

TEST_F(AttachTest, ScopeObservesOneProcessOnly) {
  const std::optional<RunningTarget> watched = RunningTarget::Start(path_);
  const std::optional<RunningTarget> ignored = RunningTarget::Start(path_);
  ASSERT_TRUE(watched.has_value() && ignored.has_value());
  const auto attachment = Attach(path_, {static_cast<uint32_t>(watched->process.pid())});
  ASSERT_NE(attachment, nullptr);

  ASSERT_EQ(Load(Url(*ignored, "/hello"), 20), 0);
  ASSERT_EQ(Load(Url(*watched, "/hello"), 20), 0);

  EXPECT_EQ(spans_.Wait(20, IsServer).size(), 20U);
  // Two for each request, and one once the connection ends.
  const uint64_t out_of_scope = attachment->counters().value[UP_COUNTER_OUT_OF_SCOPE];
  EXPECT_GE(out_of_scope, 40U);
  EXPECT_LE(out_of_scope, 41U);
}

TEST_F(AttachTest, NoBreakpointIsLeftOnceDetachHasBegun) {
  const std::optional<RunningTarget> target = RunningTarget::Start(path_);
  ASSERT_TRUE(target.has_value());
  const ProgramText text(target->process.pid(), path_);
  ASSERT_GT(text.size(), 1'000'000U);
  EXPECT_EQ(text.Differences(), 0U);
  const auto attachment = Attach(path_);
  ASSERT_NE(attachment, nullptr);
  EXPECT_GE(text.Differences(), attachment->site_count());
  ASSERT_EQ(Load(Url(*target, "/hello"), 10), 0);

  attachment->BeginDetach();
  EXPECT_EQ(text.Differences(), 0U);
  const up_counters before = attachment->counters();
  ASSERT_EQ(Load(Url(*target, "/hello"), 10), 0);
  attachment->Detach();

  const up_counters after = attachment->counters();
  EXPECT_EQ(after.value[UP_COUNTER_HITS_SERVER_START], 10U);
  EXPECT_EQ(after.value[UP_COUNTER_HITS_SERVER_START], before.value[UP_COUNTER_HITS_SERVER_START]);
  EXPECT_EQ(spans_.Wait(10, IsServer).size(), 10U);
}

TEST_F(AttachTest, NothingIsSeenAfterDetach) {
  const std::optional<RunningTarget> target = RunningTarget::Start(path_);
  ASSERT_TRUE(target.has_value());
  const auto attachment = Attach(path_);
  ASSERT_NE(attachment, nullptr);
  ASSERT_EQ(Load(Url(*target, "/hello"), 10), 0);

  attachment->Detach();
  ASSERT_EQ(Load(Url(*target, "/hello"), 10), 0);

  EXPECT_EQ(spans_.Wait(10, IsServer).size(), 10U);
  EXPECT_EQ(attachment->counters().value[UP_COUNTER_HITS_SERVER_START], 10U);
}

TEST_F(AttachTest, DetachForgetsRequestsThatHaveNotEnded) {
  const std::optional<RunningTarget> target = RunningTarget::Start(path_);
  ASSERT_TRUE(target.has_value());
  auto attachment = Attach(path_);
  ASSERT_NE(attachment, nullptr);
  const std::optional<ChildProcess> request = BeginSlowRequest(*target);
  ASSERT_TRUE(request.has_value());

  attachment.reset();

  EXPECT_EQ(backend_.InFlight(), 0U);
}

TEST_F(AttachTest, RequestsOfExitedProcessesAreForgotten) {
  std::optional<RunningTarget> target = RunningTarget::Start(path_);
  ASSERT_TRUE(target.has_value());
  const auto attachment = Attach(path_);
  ASSERT_NE(attachment, nullptr);
  const std::optional<ChildProcess> request = BeginSlowRequest(*target);
  ASSERT_TRUE(request.has_value());
  ASSERT_EQ(backend_.ForgetExitedProcesses(), 0U);

  target.reset();

  EXPECT_EQ(backend_.ForgetExitedProcesses(), 1U);
  EXPECT_EQ(backend_.InFlight(), 0U);
}

// To look for them costs each request that is served, whatever probe it is of.
TEST_F(AttachTest, ConnectionsAreLookedForAsLongAsTracesAreStitched) {
  const auto plain = Attach(path_);
  ASSERT_NE(plain, nullptr);
  EXPECT_FALSE(backend_.LooksForConnections());

  stitch_traces_ = true;
  std::unique_ptr<probe::Attachment> first = Attach(path_);
  if (!refusal_.ok()) GTEST_SKIP() << refusal_;
  std::unique_ptr<probe::Attachment> second = Attach(path_);
  EXPECT_TRUE(backend_.LooksForConnections());

  first.reset();
  EXPECT_TRUE(backend_.LooksForConnections());
  second.reset();
  EXPECT_FALSE(backend_.LooksForConnections());
}

// A request that is being served, and its context, which would lead calls to it.
class RequestUnderWay : public AttachTest {
 protected:
  void SetUp() override {
    AttachTest::SetUp();
    if (IsSkipped()) return;
    target_ = RunningTarget::Start(path_);
    ASSERT_TRUE(target_.has_value());
    attachment_ = Attach(path_);
    ASSERT_NE(attachment_, nullptr);
    request_ = ChildProcess::Start(
        {(TargetsDir() / "loadgen").string(), "-url", Url(*target_, "/slow?ms=60000"), "-n", "1"});
    ASSERT_TRUE(request_.has_value());
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (backend_.ContextsInFlight() == 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    ASSERT_EQ(backend_.InFlight(), 1U);
    ASSERT_EQ(backend_.ContextsInFlight(), 1U);
  }

  std::optional<RunningTarget> target_;
  std::unique_ptr<probe::Attachment> attachment_;
  std::optional<ChildProcess> request_;
};

TEST_F(RequestUnderWay, IsForgottenWithItsContextOnDetach) {
  attachment_->Detach();

  EXPECT_EQ(attachment_->counters().value[UP_COUNTER_LOST_DETACHED], 1U);
  ExpectBalance(attachment_.get());
  attachment_.reset();

  EXPECT_EQ(backend_.InFlight(), 0U);
  EXPECT_EQ(backend_.ContextsInFlight(), 0U);
}

TEST_F(RequestUnderWay, IsForgottenWithItsContextWhenItsProcessHasExited) {
  ASSERT_EQ(backend_.ForgetExitedProcesses(), 0U);

  target_.reset();

  EXPECT_EQ(backend_.ForgetExitedProcesses(), 1U);
  EXPECT_EQ(backend_.InFlight(), 0U);
  EXPECT_EQ(backend_.ContextsInFlight(), 0U);
  EXPECT_EQ(attachment_->counters().value[UP_COUNTER_LOST_PROCESS_EXITED], 1U);
  ExpectBalance(attachment_.get());
}

// The kernel keeps what it knows of a connection from one request to the next.
TEST_F(AttachTest, AConnectionThatWaitsIsNoRequest) {
  std::optional<RunningTarget> target = RunningTarget::Start(path_);
  ASSERT_TRUE(target.has_value());
  const auto attachment = Attach(path_);
  ASSERT_NE(attachment, nullptr);

  const std::optional<ChildProcess> waiting =
      ChildProcess::Start({(TargetsDir() / "loadgen").string(), "-url", Url(*target, "/hello"),
                           "-n", "2", "-c", "1", "-interval", "60s"});
  ASSERT_TRUE(waiting.has_value());
  ASSERT_EQ(spans_.Wait(1, IsServer).size(), 1U);

  EXPECT_EQ(backend_.InFlight(), 0U);
  EXPECT_EQ(backend_.ContextsInFlight(), 0U);
  target.reset();
  EXPECT_EQ(backend_.ForgetExitedProcesses(), 0U);
}

TEST_F(AttachTest, EndWithoutItsStartIsCounted) {
  const std::optional<RunningTarget> target = RunningTarget::Start(path_);
  ASSERT_TRUE(target.has_value());
  std::optional<ChildProcess> request = ChildProcess::Start(
      {(TargetsDir() / "loadgen").string(), "-url", Url(*target, "/slow?ms=1500"), "-n", "1"});
  ASSERT_TRUE(request.has_value());
  // The request is being served once the program has accepted its connection.
  while (!target->HasConnection()) std::this_thread::yield();

  const auto attachment = Attach(path_);
  ASSERT_NE(attachment, nullptr);
  ASSERT_EQ(request->Wait(), 0);

  EXPECT_EQ(attachment->counters().value[UP_COUNTER_LOST_NO_START], 1U);
  EXPECT_EQ(attachment->counters().value[UP_COUNTER_EVENTS_SUBMITTED], 0U);
}

// One page holds four records, and nobody reads it.
class FullRingTest : public AttachTest {
 protected:
  FullRingTest() : AttachTest({.ring_bytes = 4096}) {}
};

TEST_F(FullRingTest, WhatFindsNoRoomIsCounted) {
  const std::optional<RunningTarget> target = RunningTarget::Start(path_);
  ASSERT_TRUE(target.has_value());
  const auto attachment = Attach(path_);
  ASSERT_NE(attachment, nullptr);
  loop_.Stop();

  ASSERT_EQ(Load(Url(*target, "/hello"), 100), 0);

  const up_counters counters = attachment->counters();
  EXPECT_EQ(counters.value[UP_COUNTER_HITS_SERVER_END], 100U);
  EXPECT_GT(counters.value[UP_COUNTER_LOST_RING_FULL], 0U);
  EXPECT_EQ(counters.value[UP_COUNTER_EVENTS_SUBMITTED] + counters.value[UP_COUNTER_LOST_RING_FULL],
            100U);
  EXPECT_EQ(backend_.InFlight(), 0U);
}

// As on kernels before 6.6.
class PerfEventsTest : public AttachTest {
 protected:
  PerfEventsTest() : AttachTest({.allow_uprobe_multi = false}) {}
};

TEST_F(PerfEventsTest, SeeTheSame) {
  const std::optional<RunningTarget> target = RunningTarget::Start(path_);
  ASSERT_TRUE(target.has_value());
  ASSERT_FALSE(backend_.uprobe_multi());
  const auto attachment = Attach(path_);
  ASSERT_NE(attachment, nullptr);

  ASSERT_EQ(Load(Url(*target, "/call"), 50, 4), 0);

  EXPECT_EQ(spans_.Wait(100, IsServer).size(), 100U);
  EXPECT_EQ(spans_.Wait(50, IsClient).size(), 50U);
}

}  // namespace
}  // namespace uprobed::testing
