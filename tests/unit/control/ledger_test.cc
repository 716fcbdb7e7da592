#include "server/control/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>

#include "tests/unit/control/ledger_model.h"

namespace uprobed::control {
namespace {

using testing::Book;
using testing::LedgerModel;
using testing::Omission;

constexpr uint64_t kSeeds = 100;
constexpr uint64_t kSeedsOfAnOmission = 20;
constexpr int kLooks = 40;
// The first at rest may find what was half way, the second finds it at its end, and what two in
// succession say is shown.
constexpr int kLooksAtRest = 3;

int64_t SumOf(const std::vector<LedgerBalance>& balances, const std::string& stage) {
  int64_t sum = 0;
  for (const LedgerBalance& balance : balances) {
    if (balance.stage == stage) sum += balance.imbalance;
  }
  return sum;
}

std::vector<LedgerBalance> ComeToRest(LedgerModel& model) {
  model.Rest();
  std::vector<LedgerBalance> balances;
  for (int look = 0; look < kLooksAtRest; ++look) balances = model.LookAtRest();
  return balances;
}

// What each stage shows at rest, over histories in which something is not counted: the amounts that
// were left out, with the sign of `signs`.
void ExpectFound(const Omission& omission, const std::map<std::string, int64_t>& signs) {
  uint64_t omitted = 0;
  for (uint64_t seed = 0; seed < kSeedsOfAnOmission; ++seed) {
    LedgerModel model(seed, omission);
    for (int look = 0; look < kLooks; ++look) model.LookWhileRequestsFlow();
    const std::vector<LedgerBalance> balances = ComeToRest(model);

    for (const char* stage : {"kernel", "ring", "daemon"}) {
      const auto sign = signs.find(stage);
      const int64_t expected =
          sign == signs.end() ? 0 : sign->second * static_cast<int64_t>(model.omitted());
      EXPECT_EQ(SumOf(balances, stage), expected) << stage << " seed " << seed;
    }
    omitted += model.omitted();
  }
  EXPECT_GT(omitted, 0U) << "the histories do not come there";
}

TEST(Ledger, IsEvenWhileRequestsFlowAndExactlySoAtRest) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    LedgerModel model(seed);
    for (int look = 0; look < kLooks; ++look) {
      for (const LedgerBalance& balance : model.LookWhileRequestsFlow()) {
        ASSERT_EQ(balance.imbalance, 0)
            << "seed " << seed << " look " << look << " " << balance.probe << balance.stage;
      }
    }

    for (const LedgerBalance& balance : ComeToRest(model)) {
      EXPECT_EQ(balance.imbalance, 0) << seed << balance.probe << balance.stage;
      EXPECT_EQ(balance.uncertainty, 0U) << seed << balance.probe << balance.stage;
    }
    EXPECT_EQ(model.Unaccounted(), 0) << seed;
  }
}

TEST(Ledger, FindsEachCounterOfTheKernelThatIsLeftOut) {
  for (int i = 0; i < UP_COUNTER_COUNT; ++i) {
    SCOPED_TRACE(i);
    const auto counter = static_cast<up_counter>(i);
    up_counters one{};
    one.value[i] = 1;
    const Account account = KernelAccount(one);
    if (account.entered == account.left) continue;
    std::map<std::string, int64_t> signs = {{"kernel", account.left - account.entered}};
    if (counter == UP_COUNTER_EVENTS_SUBMITTED) signs["ring"] = -1;
    ExpectFound({.counter = counter, .book = {}}, signs);
  }
}

TEST(Ledger, FindsEachBookOfTheDaemonThatIsLeftOut) {
  const std::vector<std::tuple<Book, std::string, int64_t>> books = {
      {Book::kSpans, "ring", 1},
      {Book::kMalformedOfProbe, "ring", 1},
      {Book::kEvents, "daemon", -1},
      {Book::kMalformed, "daemon", 1},
      {Book::kUnknownSlots, "daemon", 1},
      {Book::kPublished, "daemon", 1},
      {Book::kRequestsUnderWay, "kernel", 1},
      {Book::kBodiesUnderWay, "kernel", 1}};
  for (const auto& [book, stage, sign] : books) {
    SCOPED_TRACE(static_cast<int>(book));
    ExpectFound({.counter = {}, .book = book}, {{stage, sign}});
  }
}

TEST(Ledger, FindsWithoutRestWhatIsLostAgainAndAgain) {
  for (uint64_t seed = 0; seed < kSeedsOfAnOmission; ++seed) {
    LedgerModel model(seed, {.counter = UP_COUNTER_SUPPRESSED_FILTERED, .book = {}});
    int64_t shown = 0;
    for (int look = 0; look < 20 * kLooks && shown == 0; ++look) {
      shown = SumOf(model.LookWhileRequestsFlow(), "kernel");
    }
    EXPECT_GT(shown, 0) << seed;
  }
}

TEST(Ledger, BeginsAnewWithAProbeOfTheSameName) {
  Probe probe;
  probe.record.id = "shop";
  probe.record.uid = "one";
  LedgerLook look;
  look.before = look.after = {probe};
  Ledger ledger;
  ledger.Judge(look);
  look.before.front().record.uid = look.after.front().record.uid = "other";
  look.before.front().status.counters.value[UP_COUNTER_HITS_SERVER_START] = 5;
  look.after = look.before;

  std::vector<int64_t> shown;
  for (int i = 0; i < kLooksAtRest; ++i) shown.push_back(SumOf(ledger.Judge(look), "kernel"));

  // What the first look at it finds has not persisted, and in the second it may be half way.
  EXPECT_THAT(shown, ::testing::ElementsAre(0, ::testing::Lt(5), 5));
}

}  // namespace
}  // namespace uprobed::control
