#include "server/store/store.h"
#include "migrations/migrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>

#include "server/base/errors.h"
#include "tests/unit/store/support.h"

namespace uprobed::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Store, KeepsEverythingOverAReopen) {
  const TempDir directory;
  const std::string path = directory.Path("state.db");
  {
    const std::unique_ptr<Store> store = OpenStore(path);
    ASSERT_TRUE(store->PutProfile(FullProfile(), "/srv/shop", false, kNow).ok());
    ASSERT_TRUE(store->InsertProbe(FullProbe()).ok());
    ASSERT_TRUE(store->AppendAudit(AuditRecord{}).ok());
  }

  const std::unique_ptr<Store> store = OpenStore(path);

  EXPECT_EQ(store->quarantined(), "");
  EXPECT_EQ(*store->GetProfile(ProfileId('a')), FullProfile());
  EXPECT_THAT(*store->ListProbes(), ElementsAre(FullProbe()));
  EXPECT_THAT(*store->ListAudit(10), SizeIs(1));
}

TEST(Store, TellsThatAProfileIsNotThere) {
  const std::unique_ptr<Store> store = OpenStore();

  const auto read = store->GetProfile("none");
  const absl::Status removal = store->DeleteProfile("none");

  EXPECT_EQ(read.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(read.status()), "PROFILE_NOT_FOUND");
  EXPECT_EQ(removal.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(removal), "PROFILE_NOT_FOUND");
}

TEST(Store, ForgetsADeletedProfile) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->PutProfile(FullProfile(), "/srv/shop", false, kNow).ok());

  ASSERT_TRUE(store->DeleteProfile(ProfileId('a')).ok());

  EXPECT_THAT(*store->ListProfiles("", 10), IsEmpty());
}

TEST(Store, RefusesAProfileWithoutContentHash) {
  const std::unique_ptr<Store> store = OpenStore();

  const absl::Status status = store->PutProfile({}, "/srv/shop", false, kNow);

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "PROFILE_INVALID");
  EXPECT_THAT(*store->ListProfiles("", 10), IsEmpty());
}

TEST(Store, ChangesProbes) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->InsertProbe(FullProbe()).ok());
  ProbeRecord changed = FullProbe();
  changed.generation = 4;

  EXPECT_EQ(ReasonOf(store->InsertProbe(FullProbe())), "PROBE_EXISTS");
  EXPECT_EQ(ReasonOf(store->UpdateProbe(changed, 2)), "ETAG_MISMATCH");
  EXPECT_TRUE(store->UpdateProbe(changed, 3).ok());
  EXPECT_THAT(*store->ListProbes(), ElementsAre(changed));
  EXPECT_TRUE(store->DeleteProbe("shop", 4).ok());
  EXPECT_EQ(ReasonOf(store->DeleteProbe("shop", 0)), "PROBE_NOT_FOUND");
}

TEST(Store, CountsWhatItDoes) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->PutProfile(FullProfile(), "/srv/shop", false, kNow).ok());
  ASSERT_TRUE(store->GetProfile(ProfileId('a')).ok());
  ASSERT_FALSE(store->GetProfile("none").ok());
  ASSERT_FALSE(store->DeleteProbe("none", 0).ok());

  const StoreStats stats = store->stats();

  EXPECT_EQ(stats.reads, 2u);
  EXPECT_EQ(stats.writes, 2u);
  EXPECT_EQ(stats.errors, 0u);
  EXPECT_EQ(stats.profile_hits, 1u);
  EXPECT_EQ(stats.profile_misses, 1u);
  EXPECT_GT(stats.bytes, 0);
  EXPECT_EQ(stats.schema_version, static_cast<int>(EmbeddedMigrations().size()));
}

TEST(Store, CountsItsOwnErrors) {
  const TempDir directory;
  const std::string path = directory.Path("state.db");
  const std::unique_ptr<Store> store = OpenStore(path);
  ASSERT_TRUE(store->PutProfile(FullProfile(), "/srv/shop", false, kNow).ok());
  RunSql(path, "UPDATE profiles SET map_kind = 'x'");

  EXPECT_EQ(ReasonOf(store->GetProfile(ProfileId('a')).status()), "STORE_CORRUPT");

  EXPECT_EQ(store->stats().errors, 1u);
  EXPECT_EQ(store->stats().profile_misses, 0u);
}

TEST(Store, FindsASoundDatabaseSound) { EXPECT_TRUE(OpenStore()->CheckIntegrity().ok()); }

TEST(Store, NamesTheFileItSetAside) {
  const TempDir directory;
  const std::string path = directory.Path("state.db");
  WriteFile(path, "SQLite format 3");

  const std::unique_ptr<Store> store = OpenStore(path);

  EXPECT_EQ(store->quarantined(), path + ".corrupt-1700000000");
  EXPECT_TRUE(std::filesystem::exists(store->quarantined()));
  EXPECT_TRUE(store->InsertProbe(FullProbe()).ok());
}

TEST(Store, RefusesADatabaseOfANewerRelease) {
  const TempDir directory;
  const std::string path = directory.Path("state.db");
  OpenStore(path).reset();
  RunSql(path, "PRAGMA user_version = 1000");

  const auto store = Store::Open(path, kNow);

  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(store.status()), "STORE_NEWER_SCHEMA");
}

TEST(Store, RefusesAnEmptyPath) {
  EXPECT_EQ(ReasonOf(Store::Open("", kNow).status()), "STORE_NOT_A_FILE");
}

TEST(Store, TakesNoPathForAUri) {
  const TempDir directory;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory.Path(""));

  const std::unique_ptr<Store> store = OpenStore("file:state.db?mode=memory");

  std::filesystem::current_path(before);
  EXPECT_TRUE(std::filesystem::exists(directory.Path("file:state.db?mode=memory")));
}

void UseFromOneThread(Store& store, char digit) {
  constexpr int kRounds = 20;
  const std::string id(1, digit);
  for (int round = 0; round < kRounds; ++round) {
    EXPECT_TRUE(store.PutProfile(FullProfile(digit), "/srv/shop", false, kNow).ok());
    EXPECT_TRUE(store.GetProfile(ProfileId(digit)).ok());
    EXPECT_TRUE(store.InsertProbe(FullProbe(id)).ok());
    EXPECT_TRUE(store.ListProbes().ok());
    EXPECT_TRUE(store.AppendAudit(AuditRecord{}).ok());
    EXPECT_GE(store.stats().writes, 1u);
    EXPECT_TRUE(store.DeleteProbe(id, 0).ok());
  }
}

TEST(Store, IsUsedFromTwoThreads) {
  const TempDir directory;
  const std::unique_ptr<Store> store = OpenStore(directory.Path("state.db"));

  {
    const std::jthread first([&] { UseFromOneThread(*store, 'a'); });
    const std::jthread second([&] { UseFromOneThread(*store, 'b'); });
  }

  EXPECT_THAT(*store->ListProfiles("", 10), SizeIs(2));
  EXPECT_THAT(*store->ListProbes(), IsEmpty());
  EXPECT_THAT(*store->ListAudit(100), SizeIs(40));
  EXPECT_EQ(store->stats().errors, 0u);
  EXPECT_EQ(store->stats().writes, 160u);
}

}  // namespace
}  // namespace uprobed::store
