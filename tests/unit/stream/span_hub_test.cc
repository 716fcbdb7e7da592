#include "server/stream/span_hub.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace uprobed::stream {
namespace {

constexpr std::chrono::milliseconds kNoWait{0};
constexpr std::chrono::hours kForever{1};

SpanPtr MakeSpan(const std::string& path) {
  span::Span span;
  span.path = path;
  return std::make_shared<const span::Span>(std::move(span));
}

std::vector<std::string> Paths(const Subscription::Batch& batch) {
  std::vector<std::string> paths;
  for (const SpanPtr& span : batch.spans) paths.push_back(span->path);
  return paths;
}

using Strings = std::vector<std::string>;

TEST(SpanHub, DeliversToEverySubscriberInOrder) {
  SpanHub hub;
  const auto first = hub.Subscribe({});
  const auto second = hub.Subscribe({});

  hub.Publish(MakeSpan("/a"));
  hub.Publish(MakeSpan("/b"));

  EXPECT_EQ(Paths(first->Next(10, kNoWait)), (Strings{"/a", "/b"}));
  EXPECT_EQ(Paths(second->Next(10, kNoWait)), (Strings{"/a", "/b"}));
}

TEST(SpanHub, DeliversOnlyWhatFilterAccepts) {
  SpanHub hub;
  const auto subscription =
      hub.Subscribe({.filter = [](const span::Span& span) { return span.path == "/b"; }});

  hub.Publish(MakeSpan("/a"));
  hub.Publish(MakeSpan("/b"));

  EXPECT_EQ(Paths(subscription->Next(10, kNoWait)), Strings{"/b"});
  EXPECT_EQ(hub.stats().delivered, 1u);
  EXPECT_EQ(hub.stats().dropped, 0u);
}

TEST(SpanHub, DropsNewestOfStalledSubscriberOnly) {
  SpanHub hub;
  const auto stalled = hub.Subscribe({.capacity = 2});
  const auto quick = hub.Subscribe({});

  for (const char* path : {"/a", "/b", "/c", "/d"}) hub.Publish(MakeSpan(path));

  EXPECT_EQ(stalled->dropped(), 2u);
  EXPECT_EQ(stalled->queued(), 2u);
  const Subscription::Batch batch = stalled->Next(10, kNoWait);
  EXPECT_EQ(Paths(batch), (Strings{"/a", "/b"}));
  EXPECT_EQ(batch.dropped_total, 2u);
  EXPECT_EQ(quick->queued(), 4u);
  EXPECT_EQ(quick->dropped(), 0u);
}

TEST(SpanHub, GivesAtMostWhatWasAskedFor) {
  SpanHub hub;
  const auto subscription = hub.Subscribe({});
  for (const char* path : {"/a", "/b", "/c"}) hub.Publish(MakeSpan(path));

  EXPECT_EQ(Paths(subscription->Next(2, kNoWait)), (Strings{"/a", "/b"}));
  EXPECT_EQ(Paths(subscription->Next(2, kNoWait)), Strings{"/c"});
  EXPECT_EQ(Paths(subscription->Next(2, kNoWait)), Strings{});
}

TEST(SpanHub, TellsLossWithoutWaitingForSpan) {
  SpanHub hub;
  const auto subscription = hub.Subscribe({.capacity = 0});
  hub.Publish(MakeSpan("/a"));

  const Subscription::Batch batch = subscription->Next(10, kForever);

  EXPECT_TRUE(batch.spans.empty());
  EXPECT_EQ(batch.dropped_total, 1u);
}

TEST(SpanHub, CountsDropsOfPastSubscribers) {
  SpanHub hub;
  auto subscription = hub.Subscribe({.capacity = 1});
  hub.Publish(MakeSpan("/a"));
  hub.Publish(MakeSpan("/b"));
  subscription.reset();
  hub.Publish(MakeSpan("/c"));

  const HubStats stats = hub.stats();

  EXPECT_EQ(stats.published, 3u);
  EXPECT_EQ(stats.delivered, 1u);
  EXPECT_EQ(stats.dropped, 1u);
  EXPECT_EQ(stats.subscribers, 0u);
}

TEST(SpanHub, RefusesSubscriberBeyondBoundUntilOneLeaves) {
  SpanHub hub(2);
  auto first = hub.Subscribe({});
  const auto second = hub.Subscribe({});
  EXPECT_EQ(hub.Subscribe({}), nullptr);
  EXPECT_EQ(hub.stats().subscribers, 2u);

  first.reset();

  EXPECT_NE(hub.Subscribe({}), nullptr);
}

TEST(SpanHub, GivesQueuedSpansBeforeItSaysClosed) {
  SpanHub hub;
  const auto subscription = hub.Subscribe({});
  hub.Publish(MakeSpan("/a"));
  hub.Publish(MakeSpan("/b"));
  hub.Close();
  hub.Publish(MakeSpan("/c"));

  const Subscription::Batch first = subscription->Next(1, kForever);
  const Subscription::Batch last = subscription->Next(1, kForever);

  EXPECT_EQ(Paths(first), Strings{"/a"});
  EXPECT_FALSE(first.closed);
  EXPECT_EQ(Paths(last), Strings{"/b"});
  EXPECT_TRUE(last.closed);
}

TEST(SpanHub, ClosesLaterSubscribersAtOnce) {
  SpanHub hub;
  hub.Close();

  const auto subscription = hub.Subscribe({});

  EXPECT_TRUE(subscription->Next(1, kForever).closed);
}

TEST(SpanHub, CloseWakesWaiter) {
  SpanHub hub;
  const auto subscription = hub.Subscribe({});
  bool closed = false;
  {
    const std::jthread waiter([&] { closed = subscription->Next(1, kForever).closed; });
    hub.Close();
  }
  EXPECT_TRUE(closed);
}

TEST(SpanHub, PublishWakesWaiter) {
  SpanHub hub;
  const auto subscription = hub.Subscribe({});
  Strings paths;
  {
    const std::jthread waiter([&] { paths = Paths(subscription->Next(1, kForever)); });
    hub.Publish(MakeSpan("/a"));
  }
  EXPECT_EQ(paths, Strings{"/a"});
}

TEST(SpanHub, PublishesWhileSubscriberIsInsideNextOrItsFilter) {
  SpanHub hub;
  // A filter that publishes would deadlock if filters ran under the hub's lock.
  const auto nested = hub.Subscribe({.filter = [&hub](const span::Span& span) {
    if (span.path == "/outer") hub.Publish(MakeSpan("/inner"));
    return true;
  }});

  hub.Publish(MakeSpan("/outer"));

  EXPECT_EQ(Paths(nested->Next(10, kNoWait)), (Strings{"/inner", "/outer"}));
}

// Every span is delivered or counted as dropped, while subscribers come and go.
TEST(SpanHub, LosesNothingUncountedWithSeveralThreads) {
  constexpr uint64_t kPublishers = 3;
  constexpr uint64_t kSpans = 5000;
  SpanHub hub;
  const auto slow = hub.Subscribe({.capacity = 16});
  const auto reader = hub.Subscribe({.capacity = kPublishers * kSpans});
  std::atomic<uint64_t> slow_received{0};
  std::atomic<uint64_t> received{0};
  const auto drain = [](Subscription& subscription, std::atomic<uint64_t>& count) {
    bool closed = false;
    while (!closed) {
      const Subscription::Batch batch = subscription.Next(64, kForever);
      count += batch.spans.size();
      closed = batch.closed;
    }
  };

  std::jthread slow_thread([&] { drain(*slow, slow_received); });
  std::jthread reader_thread([&] { drain(*reader, received); });
  std::vector<std::jthread> publishers;
  for (uint64_t i = 0; i < kPublishers; ++i) {
    publishers.emplace_back([&] {
      const SpanPtr span = MakeSpan("/a");
      for (uint64_t k = 0; k < kSpans; ++k) hub.Publish(span);
    });
  }
  for (int i = 0; i < 100; ++i) {
    const auto passing = hub.Subscribe({.capacity = 1});
    ASSERT_NE(passing, nullptr);
    passing->Next(1, kNoWait);
    hub.stats();
  }
  publishers.clear();
  hub.Close();
  slow_thread.join();
  reader_thread.join();

  EXPECT_EQ(received, kPublishers * kSpans);
  EXPECT_EQ(slow_received + slow->dropped(), kPublishers * kSpans);
  EXPECT_EQ(hub.stats().published, kPublishers * kSpans);
  EXPECT_EQ(hub.stats().subscribers, 2u);
}

}  // namespace
}  // namespace uprobed::stream
