#include "server/control/probe_watch.h"

#include <gtest/gtest.h>

#include <thread>

#include "server/base/errors.h"

namespace uprobed::control {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAtOnce{0};
constexpr milliseconds kLong = std::chrono::minutes(5);
constexpr uint64_t kFirst = 1000;

Probe ProbeNamed(const std::string& id) {
  Probe probe;
  probe.record.id = id;
  return probe;
}

void Publish(ProbeWatchHub& hub, const std::string& id) {
  hub.Publish(ProbeEvent::Type::kModified, ProbeNamed(id));
}

TEST(ProbeWatchHub, BeginsWithThePresentState) {
  ProbeWatchHub hub(kFirst);
  Publish(hub, "a");
  const auto watch = hub.Watch(0, {ProbeNamed("a"), ProbeNamed("b")});
  ASSERT_TRUE(watch.ok());

  const ProbeWatch::Batch batch = (*watch)->Next(kLong);

  ASSERT_EQ(batch.events.size(), 2u);
  EXPECT_EQ(batch.events[1].type, ProbeEvent::Type::kAdded);
  EXPECT_EQ(batch.events[1].probe.record.id, "b");
  EXPECT_EQ(batch.events[1].sequence, 0u);
  EXPECT_EQ(batch.sequence, kFirst + 1);
}

TEST(ProbeWatchHub, TellsAtOnceThatThereIsNothing) {
  ProbeWatchHub hub(kFirst);
  const auto watch = hub.Watch(0, {});

  const ProbeWatch::Batch batch = (*watch)->Next(kLong);

  EXPECT_TRUE(batch.events.empty());
  EXPECT_EQ(batch.sequence, kFirst);
}

TEST(ProbeWatchHub, HandsChangesToEveryWatcherInOrder) {
  ProbeWatchHub hub(kFirst);
  const auto one = hub.Watch(0, {});
  const auto two = hub.Watch(0, {});
  (*one)->Next(kAtOnce);
  (*two)->Next(kAtOnce);

  Publish(hub, "a");
  Publish(hub, "b");

  for (const auto& watch : {*one, *two}) {
    const ProbeWatch::Batch batch = watch->Next(kLong);
    ASSERT_EQ(batch.events.size(), 2u);
    EXPECT_EQ(batch.events[0].sequence, kFirst + 1);
    EXPECT_EQ(batch.events[1].sequence, kFirst + 2);
    EXPECT_EQ(batch.events[1].probe.record.id, "b");
    EXPECT_EQ(batch.sequence, kFirst + 2);
    EXPECT_TRUE(watch->Next(kAtOnce).events.empty());
  }
}

TEST(ProbeWatchHub, WakesAWatcherThatWaits) {
  ProbeWatchHub hub(kFirst);
  const auto watch = hub.Watch(0, {});
  (*watch)->Next(kAtOnce);

  std::jthread publisher([&hub] { Publish(hub, "a"); });

  EXPECT_EQ((*watch)->Next(kLong).events.size(), 1u);
}

TEST(ProbeWatchHub, ResumesBehindAToken) {
  ProbeWatchHub hub(kFirst);
  Publish(hub, "a");
  Publish(hub, "b");

  const auto watch = hub.Watch(kFirst + 1, {});
  ASSERT_TRUE(watch.ok());
  Publish(hub, "c");
  const ProbeWatch::Batch batch = (*watch)->Next(kLong);

  ASSERT_EQ(batch.events.size(), 2u);
  EXPECT_EQ(batch.events[0].probe.record.id, "b");
  EXPECT_EQ(batch.events[1].probe.record.id, "c");
}

TEST(ProbeWatchHub, HasNothingToSayToAWatcherThatIsUpToDate) {
  ProbeWatchHub hub(kFirst);
  Publish(hub, "a");
  const auto watch = hub.Watch(kFirst + 1, {});
  EXPECT_TRUE((*watch)->Next(kAtOnce).events.empty());
}

TEST(ProbeWatchHub, RefusesATokenThatIsTooOldOrNotOfThisRun) {
  ProbeWatchHub hub(kFirst, {.log = 2, .queue = 10});
  for (int i = 0; i < 3; ++i) Publish(hub, "a");

  for (const uint64_t token : {uint64_t{1}, kFirst - 1, kFirst, kFirst + 4, kFirst * kFirst}) {
    const auto watch = hub.Watch(token, {});
    EXPECT_EQ(watch.status().code(), absl::StatusCode::kOutOfRange) << token;
    EXPECT_EQ(ReasonOf(watch.status()), "RESUME_TOKEN_EXPIRED") << token;
  }
  EXPECT_TRUE(hub.Watch(kFirst + 1, {}).ok());
}

TEST(ProbeWatchHub, TellsASlowWatcherThatItLostEvents) {
  ProbeWatchHub hub(kFirst, {.log = 10, .queue = 2});
  const auto slow = hub.Watch(0, {});
  const auto quick = hub.Watch(0, {});
  (*slow)->Next(kAtOnce);
  (*quick)->Next(kAtOnce);

  for (int i = 0; i < 3; ++i) {
    Publish(hub, "a");
    EXPECT_EQ((*quick)->Next(kAtOnce).events.size(), 1u);
  }

  const ProbeWatch::Batch batch = (*slow)->Next(kAtOnce);
  EXPECT_TRUE(batch.overflowed);
  EXPECT_TRUE(batch.events.empty());
  EXPECT_FALSE((*slow)->Next(kAtOnce).overflowed);
}

TEST(ProbeWatchHub, TheFirstStateNeverOverflows) {
  ProbeWatchHub hub(kFirst, {.log = 10, .queue = 1});
  const auto watch = hub.Watch(0, {ProbeNamed("a"), ProbeNamed("b"), ProbeNamed("c")});
  Publish(hub, "a");

  const ProbeWatch::Batch batch = (*watch)->Next(kLong);

  EXPECT_FALSE(batch.overflowed);
  EXPECT_EQ(batch.events.size(), 4u);
}

TEST(ProbeWatchHub, CloseEndsWatchesAndRefusesNewOnes) {
  ProbeWatchHub hub(kFirst);
  const auto watch = hub.Watch(0, {});
  (*watch)->Next(kAtOnce);
  std::jthread closer([&hub] { hub.Close(); });

  EXPECT_TRUE((*watch)->Next(kLong).closed);
  closer.join();
  EXPECT_TRUE((*watch)->Next(kLong).closed);
  Publish(hub, "a");
  EXPECT_TRUE((*watch)->Next(kLong).events.empty());
  EXPECT_EQ(ReasonOf(hub.Watch(0, {}).status()), "SHUTTING_DOWN");
}

TEST(ProbeWatchHub, AWatcherMayGoAtAnyTime) {
  ProbeWatchHub hub(kFirst);
  { const auto watch = hub.Watch(0, {}); }
  Publish(hub, "a");
  hub.Close();
}

}  // namespace
}  // namespace uprobed::control
