#include "server/stream/span_hub.h"

#include <string>
#include <thread>
#include <vector>

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace uprobed::stream {
namespace {

span::Span MakeSpan(const std::string& path) {
  span::Span span;
  span.path = path;
  return span;
}

// Spans are encoded as their paths.
void EncodePath(const span::Span& span, const SpanMask& /*mask*/, std::string& to) {
  to += span.path;
}

// Compact ones have a number for each encoder, and a mark at the begin of a batch.
SpanHub::CompactEncoder MakeNumbering(const SpanMask& /*mask*/) {
  return [count = 0](const span::Span& span, bool begins_batch, std::string& to) mutable {
    to += fmt::format("{}{}{}", begins_batch ? "!" : "", ++count, span.path);
  };
}

Subscription::Batch Take(Subscription& subscription, const Subscription::Bounds& bounds = {}) {
  Subscription::Batch batch;
  subscription.Take(bounds, batch);
  return batch;
}

std::vector<std::string> Paths(const Subscription::Batch& batch) {
  std::vector<std::string> paths;
  for (SpanSlice slice : batch.slices) {
    const size_t end = slice.first + slice.count;
    for (; slice.first < end; ++slice.first) {
      slice.count = 1;
      paths.emplace_back(slice.bytes());
    }
  }
  return paths;
}

using Strings = std::vector<std::string>;

class SpanHubTest : public ::testing::Test {
 protected:
  void Publish(const Strings& paths) {
    for (const std::string& path : paths) hub_.Publish(MakeSpan(path));
    hub_.Flush();
  }

  int encoded_ = 0;
  SpanHub hub_{{.whole =
                    [this](const span::Span& span, const SpanMask& mask, std::string& to) {
                      ++encoded_;
                      EncodePath(span, mask, to);
                    },
                .make_compact = MakeNumbering}};
};

TEST_F(SpanHubTest, WhatEndedWhileNobodyStreamedIsOfferedToNobody) {
  const auto subscription = hub_.Subscribe({});
  span::Span span = MakeSpan("/before");
  span.unstreamed = true;
  hub_.Publish(span);
  Publish({"/after"});
  EXPECT_EQ(Paths(Take(*subscription)), Strings{"/after"});
  EXPECT_EQ(subscription->counts().offered, 1U);
  EXPECT_EQ(hub_.stats().published, 2U);
}

TEST_F(SpanHubTest, DeliversToEverySubscriberInOrder) {
  const auto first = hub_.Subscribe({});
  const auto second = hub_.Subscribe({});
  Publish({"/a", "/b"});
  EXPECT_EQ(Paths(Take(*first)), (Strings{"/a", "/b"}));
  EXPECT_EQ(Paths(Take(*second)), (Strings{"/a", "/b"}));
}

TEST_F(SpanHubTest, EncodesOnceWhateverTheNumberOfSubscribersAndFilters) {
  const auto is_b = [](const span::Span& span) { return span.path == "/b"; };
  const auto all = hub_.Subscribe({});
  const auto too = hub_.Subscribe({});
  const auto some = hub_.Subscribe({.filter_text = "b", .filter = is_b});
  const auto same = hub_.Subscribe({.filter_text = "b", .filter = is_b});
  Publish({"/a", "/b"});
  EXPECT_EQ(encoded_, 2);
  const Subscription::Batch of_all = Take(*all);
  EXPECT_EQ(of_all.slices[0].bytes().data(), Take(*too).slices[0].bytes().data());
  const Subscription::Batch of_some = Take(*some);
  EXPECT_EQ(Paths(of_some), Strings{"/b"});
  EXPECT_EQ(of_some.slices[0].bytes().data(), Take(*same).slices[0].bytes().data());
}

TEST_F(SpanHubTest, EncodesOnceForEachMaskWhateverTheFilters) {
  SpanMask name;
  name.fields.reset();
  name.fields.set(6);
  SpanMask times;
  times.fields.reset(6);
  const auto is_b = [](const span::Span& span) { return span.path == "/b"; };
  // In such an order that those of one mask do not come one after the other.
  const auto whole = hub_.Subscribe({});
  const auto names = hub_.Subscribe({.mask = name});
  const auto some_whole = hub_.Subscribe({.filter_text = "b", .filter = is_b});
  const auto all_times = hub_.Subscribe({.mask = times});
  const auto some_names = hub_.Subscribe({.filter_text = "b", .filter = is_b, .mask = name});
  const auto same = hub_.Subscribe({.filter_text = "b", .filter = is_b, .mask = name});
  Publish({"/a", "/b"});
  EXPECT_EQ(encoded_, 2 * 3);
  for (const auto& all : {whole, names, all_times}) {
    EXPECT_EQ(Paths(Take(*all)), (Strings{"/a", "/b"}));
  }
  const Subscription::Batch of_some = Take(*some_names);
  EXPECT_EQ(Paths(of_some), Strings{"/b"});
  EXPECT_EQ(of_some.slices[0].bytes().data(), Take(*same).slices[0].bytes().data());
  EXPECT_NE(of_some.slices[0].bytes().data(), Take(*some_whole).slices[0].bytes().data());
}

TEST_F(SpanHubTest, EncodesNothingForNobody) {
  const auto never = [](const span::Span&) { return false; };
  const auto subscription = hub_.Subscribe({.filter_text = "never", .filter = never});
  Publish({"/a", "/b"});
  EXPECT_EQ(encoded_, 0);
  EXPECT_EQ(hub_.stats().published, 2U);
  EXPECT_EQ(hub_.stats().offered, 0U);
}

TEST_F(SpanHubTest, GivesASubscriberNothingFromBeforeItCame) {
  const auto first = hub_.Subscribe({});
  hub_.Publish(MakeSpan("/before"));
  const auto second = hub_.Subscribe({});
  Publish({"/after"});
  EXPECT_EQ(Paths(Take(*first)), (Strings{"/before", "/after"}));
  EXPECT_EQ(Paths(Take(*second)), Strings{"/after"});
}

TEST_F(SpanHubTest, FlushesAFullBatchByItself) {
  const auto subscription = hub_.Subscribe({});
  for (int i = 0; i < 4096; ++i) hub_.Publish(MakeSpan("/a"));
  hub_.Publish(MakeSpan("/b"));
  EXPECT_EQ(subscription->counts().queued, 4096U);
  const std::string large(600'000, 'x');
  hub_.Publish(MakeSpan(large));
  EXPECT_EQ(subscription->counts().queued, 4098U);
}

TEST_F(SpanHubTest, DropsNewestOfStalledSubscriberOnly) {
  const auto stalled = hub_.Subscribe({.capacity = 2});
  const auto quick = hub_.Subscribe({});
  Publish({"/a"});
  Publish({"/b", "/c", "/d"});
  EXPECT_EQ(stalled->counts().dropped, 2U);
  EXPECT_EQ(stalled->counts().queued, 2U);
  const Subscription::Batch batch = Take(*stalled);
  EXPECT_EQ(Paths(batch), (Strings{"/a", "/b"}));
  EXPECT_EQ(batch.counts.dropped, 2U);
  EXPECT_EQ(batch.counts.offered, 4U);
  EXPECT_EQ(batch.counts.delivered, 2U);
  EXPECT_EQ(batch.counts.queued, 0U);
  EXPECT_EQ(quick->counts().queued, 4U);
  EXPECT_EQ(quick->counts().dropped, 0U);
}

TEST_F(SpanHubTest, GivesAtMostWhatWasAskedFor) {
  const auto subscription = hub_.Subscribe({});
  Publish({"/a", "/b"});
  Publish({"/c", "/d"});
  EXPECT_EQ(Paths(Take(*subscription, {.spans = 3})), (Strings{"/a", "/b", "/c"}));
  EXPECT_EQ(Paths(Take(*subscription, {.spans = 3})), Strings{"/d"});
  EXPECT_EQ(Paths(Take(*subscription, {.spans = 3})), Strings{});
}

TEST_F(SpanHubTest, GivesOutWholeBatchesUpToSoManyBytes) {
  const auto subscription = hub_.Subscribe({});
  Publish({"/a", "/bb"});
  Publish({"/c"});
  Publish({"/d", "/e"});
  const Subscription::Bounds eight{.bytes = 8};
  EXPECT_EQ(Paths(Take(*subscription, eight)), (Strings{"/a", "/bb", "/c"}));
  EXPECT_EQ(Paths(Take(*subscription, eight)), (Strings{"/d", "/e"}));
  EXPECT_EQ(Paths(Take(*subscription, eight)), Strings{});
}

TEST_F(SpanHubTest, GivesOutABatchThatAloneHasTooManyBytes) {
  const auto subscription = hub_.Subscribe({});
  Publish({"/a"});
  Publish({"/much-longer", "/b"});
  Publish({"/c"});
  const Subscription::Bounds two{.bytes = 2};
  EXPECT_EQ(Paths(Take(*subscription, two)), Strings{"/a"});
  EXPECT_EQ(Paths(Take(*subscription, two)), (Strings{"/much-longer", "/b"}));
  EXPECT_EQ(Paths(Take(*subscription, two)), Strings{"/c"});
}

TEST_F(SpanHubTest, GivesOutNoMoreThanEitherBoundAllows) {
  const auto subscription = hub_.Subscribe({});
  Publish({"/a", "/b"});
  Publish({"/c", "/d"});
  EXPECT_EQ(Paths(Take(*subscription, {.spans = 1, .bytes = 8})), Strings{"/a"});
  EXPECT_EQ(Paths(Take(*subscription, {.spans = 3, .bytes = 5})), Strings{"/b"});
  EXPECT_EQ(Paths(Take(*subscription, {.spans = 1, .bytes = 1})), Strings{"/c"});
}

TEST_F(SpanHubTest, EncodesCompactSpansForEachFilterAndMaskByThemselves) {
  const auto is_b = [](const span::Span& span) { return span.path == "/b"; };
  const auto whole = hub_.Subscribe({});
  const auto all = hub_.Subscribe({.compact = true});
  const auto same = hub_.Subscribe({.compact = true});
  const auto some = hub_.Subscribe({.filter_text = "b", .filter = is_b, .compact = true});
  Publish({"/a", "/b"});
  Publish({"/b"});
  EXPECT_EQ(encoded_, 3);
  EXPECT_EQ(Paths(Take(*whole)), (Strings{"/a", "/b", "/b"}));
  EXPECT_EQ(Paths(Take(*all)), (Strings{"!1/a", "2/b", "!3/b"}));
  EXPECT_EQ(Paths(Take(*same)), (Strings{"!1/a", "2/b", "!3/b"}));
  EXPECT_EQ(Paths(Take(*some)), (Strings{"!1/b", "!2/b"}));
}

TEST_F(SpanHubTest, BeginsABatchOfCompactSpansForWhoComesLater) {
  const auto first = hub_.Subscribe({.compact = true});
  hub_.Publish(MakeSpan("/a"));
  const auto second = hub_.Subscribe({.compact = true});
  Publish({"/b"});
  EXPECT_EQ(Paths(Take(*first)), (Strings{"!1/a", "!2/b"}));
  EXPECT_EQ(Paths(Take(*second)), Strings{"!2/b"});
}

TEST_F(SpanHubTest, TellsALossOnceEvenWithoutASpan) {
  const auto subscription = hub_.Subscribe({.capacity = 0});
  Publish({"/a"});
  const Subscription::Batch batch = Take(*subscription);
  EXPECT_TRUE(batch.has_news);
  EXPECT_EQ(batch.spans, 0U);
  EXPECT_EQ(batch.counts.dropped, 1U);
  EXPECT_FALSE(Take(*subscription).has_news);
}

TEST_F(SpanHubTest, SignalsNewsOnlyAfterATakeThatFoundNothing) {
  int news = 0;
  const auto subscription = hub_.Subscribe({.on_news = [&news] { ++news; }});
  Publish({"/a"});
  EXPECT_EQ(news, 0);
  EXPECT_TRUE(Take(*subscription).has_news);
  EXPECT_FALSE(Take(*subscription).has_news);
  Publish({"/b"});
  Publish({"/c"});
  EXPECT_EQ(news, 1);
  EXPECT_EQ(Paths(Take(*subscription)), (Strings{"/b", "/c"}));
  EXPECT_FALSE(Take(*subscription).has_news);
  hub_.Close();
  EXPECT_EQ(news, 2);
}

TEST_F(SpanHubTest, CountsWhatPastSubscribersDroppedAndLeft) {
  auto subscription = hub_.Subscribe({.capacity = 1});
  Publish({"/a", "/b"});
  subscription.reset();
  Publish({"/c"});
  const HubStats stats = hub_.stats();
  EXPECT_EQ(stats.published, 3U);
  EXPECT_EQ(stats.offered, 2U);
  EXPECT_EQ(stats.delivered, 0U);
  EXPECT_EQ(stats.dropped, 1U);
  EXPECT_EQ(stats.abandoned, 1U);
  EXPECT_EQ(stats.subscribers, 0U);
  EXPECT_EQ(stats.imbalance, 0U);
}

TEST_F(SpanHubTest, RefusesSubscriberBeyondBoundUntilOneLeaves) {
  SpanHub hub({.whole = EncodePath, .make_compact = MakeNumbering}, 2);
  auto first = hub.Subscribe({});
  const auto second =
      hub.Subscribe({.filter_text = "x", .filter = [](const span::Span&) { return true; }});
  EXPECT_EQ(hub.Subscribe({}), nullptr);
  EXPECT_EQ(hub.stats().subscribers, 2U);
  first.reset();
  EXPECT_NE(hub.Subscribe({}), nullptr);
}

TEST_F(SpanHubTest, GivesQueuedSpansBeforeItSaysClosed) {
  const auto subscription = hub_.Subscribe({});
  hub_.Publish(MakeSpan("/a"));
  hub_.Publish(MakeSpan("/b"));
  hub_.Close();
  hub_.Publish(MakeSpan("/c"));
  hub_.Flush();
  const Subscription::Batch first = Take(*subscription, {.spans = 1});
  const Subscription::Batch last = Take(*subscription, {.spans = 1});
  EXPECT_EQ(Paths(first), Strings{"/a"});
  EXPECT_FALSE(first.closed);
  EXPECT_EQ(Paths(last), Strings{"/b"});
  EXPECT_TRUE(last.closed);
}

TEST_F(SpanHubTest, ClosesLaterSubscribersAtOnce) {
  hub_.Close();
  EXPECT_TRUE(Take(*hub_.Subscribe({})).closed);
}

TEST_F(SpanHubTest, UsesABatchAgainWhenAllHaveLetGoOfIt) {
  const auto subscription = hub_.Subscribe({});
  Publish({"/a"});
  Subscription::Batch held = Take(*subscription);
  const SpanBatch* const first = held.slices[0].batch.get();
  Publish({"/b"});
  EXPECT_NE(Take(*subscription).slices[0].batch.get(), first);
  held.slices.clear();
  Publish({"/c"});
  const Subscription::Batch again = Take(*subscription);
  EXPECT_EQ(again.slices[0].batch.get(), first);
  EXPECT_EQ(Paths(again), Strings{"/c"});
}

// Every span is delivered, dropped or left behind, and counted as that, while subscribers come,
// stall and go.
TEST_F(SpanHubTest, LosesNothingUncountedWithSeveralThreads) {
  constexpr uint64_t kSpans = 20'000;
  SpanHub hub({.whole = EncodePath, .make_compact = MakeNumbering});
  const auto slow = hub.Subscribe({.capacity = 16});
  const auto reader = hub.Subscribe({.capacity = kSpans});
  const auto drain = [](Subscription& subscription, size_t at_once) {
    uint64_t received = 0;
    bool closed = false;
    while (!closed) {
      const Subscription::Batch batch = Take(subscription, {.spans = at_once});
      received += batch.spans;
      closed = batch.closed;
      EXPECT_EQ(batch.counts.offered,
                batch.counts.delivered + batch.counts.dropped + batch.counts.queued);
      if (batch.spans == 0) std::this_thread::yield();
    }
    return received;
  };
  uint64_t slow_received = 0;
  uint64_t received = 0;
  std::jthread slow_thread([&] { slow_received = drain(*slow, 1); });
  std::jthread reader_thread([&] { received = drain(*reader, 64); });
  std::jthread publisher([&] {
    for (uint64_t i = 0; i < kSpans; ++i) {
      hub.Publish(MakeSpan("/a"));
      if (i % 7 == 0) hub.Flush();
    }
    hub.Flush();
  });
  for (int i = 0; i < 100; ++i) {
    const auto passing = hub.Subscribe({.capacity = 1});
    ASSERT_NE(passing, nullptr);
    Take(*passing, {.spans = 1});
    EXPECT_EQ(hub.stats().imbalance, 0U);
  }
  publisher.join();
  hub.Close();
  slow_thread.join();
  reader_thread.join();

  EXPECT_EQ(received, kSpans);
  EXPECT_EQ(slow_received + slow->counts().dropped, kSpans);
  const HubStats stats = hub.stats();
  EXPECT_EQ(stats.published, kSpans);
  EXPECT_EQ(stats.subscribers, 2U);
  EXPECT_EQ(stats.offered, stats.delivered + stats.dropped + stats.abandoned + stats.queued);
}

}  // namespace
}  // namespace uprobed::stream
