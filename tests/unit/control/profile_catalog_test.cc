#include "server/control/profile_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "server/base/errors.h"
#include "server/control/target.h"
#include "tests/support/targets.h"
#include "tests/unit/control/fake_proc.h"

namespace uprobed::control {
namespace {

using uprobed::testing::FakeProc;
using uprobed::testing::TempDir;

class ProfileCatalogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto targets = uprobed::testing::AvailableTargets("hello");
    if (targets.size() < 4) GTEST_SKIP() << "no Go programs: run scripts/build_targets";
    shop_ = targets[targets.size() - 2].path;
    other_ = targets[targets.size() - 4].path;
    auto store = store::Store::Open(":memory:", 1);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    catalog_ = std::make_unique<ProfileCatalog>(*store_, proc_.root());
  }
  absl::StatusOr<ResolvedProfile> Resolve(const std::string& path, bool refresh = false) {
    return catalog_->ResolveTarget(path, 0, refresh);
  }
  profile::Profile Resolved(const std::string& path) {
    const absl::StatusOr<ResolvedProfile> resolved = Resolve(path);
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    return resolved.ok() ? resolved->profile : profile::Profile{};
  }
  bool Imported(const std::string& id) {
    const auto summaries = catalog_->List("", 10);
    return summaries.ok() && summaries->size() == 1 && summaries->front().id == id &&
           summaries->front().imported;
  }

  FakeProc proc_;
  std::string shop_;
  std::string other_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<ProfileCatalog> catalog_;
};

TEST_F(ProfileCatalogTest, ResolvesOnceAndThenReadsTheStore) {
  const absl::StatusOr<ResolvedProfile> first = Resolve(shop_);
  const absl::StatusOr<ResolvedProfile> second = Resolve(shop_);
  ASSERT_TRUE(first.ok() && second.ok()) << first.status() << second.status();
  EXPECT_FALSE(first->from_store);
  EXPECT_TRUE(second->from_store);
  EXPECT_EQ(first->profile, second->profile);
  EXPECT_EQ(catalog_->List("", 10)->front().binary_path, shop_);
}

TEST_F(ProfileCatalogTest, KnowsABinaryWithoutALookAlsoWhenRequestsHaveShownMoreOfIt) {
  const profile::Profile resolved = Resolved(shop_);
  struct stat status {};
  ASSERT_EQ(stat(shop_.c_str(), &status), 0);
  ASSERT_TRUE(catalog_->FindKnown(VersionOf(status)).has_value());
  const std::string field = resolved.fields.begin()->first;
  ASSERT_TRUE(store_->PutVerdicts(resolved.identity.Id(), {{field, FieldVerdict::kVerified}}).ok());

  EXPECT_EQ(catalog_->FindKnown(VersionOf(status)), resolved);
  ASSERT_TRUE(catalog_->Delete(resolved.identity.Id()).ok());
  EXPECT_EQ(catalog_->FindKnown(VersionOf(status)), std::nullopt);
}

TEST_F(ProfileCatalogTest, KnowsABinaryByItsContentAfterARestart) {
  Resolved(shop_);
  const TempDir dir;
  std::filesystem::copy_file(shop_, dir.File("copy"));
  ProfileCatalog restarted(*store_);
  EXPECT_TRUE(restarted.ResolveTarget(dir.File("copy"), 0, false)->from_store);
}

TEST_F(ProfileCatalogTest, ResolvesAnewOnDemand) {
  Resolved(shop_);
  EXPECT_FALSE(Resolve(shop_, true)->from_store);
}

TEST_F(ProfileCatalogTest, ResolvesAnewWhatAnOlderRevisionResolved) {
  profile::Profile old = Resolved(shop_);
  old.resolver_revision = profile::kResolverRevision - 1;
  ASSERT_TRUE(store_->PutProfile(old, shop_, false, 1).ok());
  const absl::StatusOr<ResolvedProfile> resolved = Resolve(shop_);
  EXPECT_FALSE(resolved->from_store);
  EXPECT_EQ(store_->GetProfile(old.identity.Id())->resolver_revision, profile::kResolverRevision);
}

TEST_F(ProfileCatalogTest, ResolvesAnewWhatDoesNotFitTheBinary) {
  const profile::Profile right = Resolved(shop_);
  profile::Profile wrong = right;
  wrong.sites.front().bytes.front() ^= 0xff;
  ASSERT_TRUE(store_->PutProfile(wrong, "", true, 1).ok());
  const absl::StatusOr<ResolvedProfile> resolved = Resolve(shop_);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_FALSE(resolved->from_store);
  EXPECT_EQ(resolved->profile, right);
}

TEST_F(ProfileCatalogTest, SeesThatAFileHasAnotherContentNow) {
  const TempDir dir;
  const std::string path = dir.File("shop");
  std::filesystem::copy_file(shop_, path);
  const std::string first = Resolved(path).identity.Id();
  std::filesystem::copy_file(other_, path, std::filesystem::copy_options::overwrite_existing);
  EXPECT_NE(Resolved(path).identity.Id(), first);
}

TEST_F(ProfileCatalogTest, HashesAKnownFileOnce) {
  const TempDir dir;
  const std::string path = dir.File("shop");
  std::filesystem::copy_file(shop_, path);
  const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  std::filesystem::last_write_time(path, long_ago);
  const std::string first = Resolved(path).identity.Id();
  ASSERT_EQ(std::filesystem::file_size(path), std::filesystem::file_size(shop_));

  // The one change that a timestamp does not show; the cached hash shows that nothing was read.
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('\x7f');
  file.close();
  std::filesystem::last_write_time(path, long_ago);

  EXPECT_EQ(Resolved(path).identity.Id(), first);
}

TEST_F(ProfileCatalogTest, ResolvesARunningProcess) {
  proc_.AddProcess(40, shop_);
  const auto resolved = catalog_->ResolveTarget("", 40, false);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(catalog_->List("", 10)->front().binary_path, shop_);
}

TEST_F(ProfileCatalogTest, RefusesABadTarget) {
  const auto reason = [this](const std::string& path, uint32_t pid) {
    return ReasonOf(catalog_->ResolveTarget(path, pid, false).status());
  };
  EXPECT_EQ(reason("", 0), "TARGET_MISSING");
  EXPECT_EQ(reason("/bin/true", 40), "TARGET_AMBIGUOUS");
  EXPECT_EQ(reason("true", 0), "TARGET_NOT_ABSOLUTE");
  EXPECT_EQ(reason("/nonexistent", 0), "BINARY_NOT_FOUND");
  EXPECT_EQ(reason("", 40), "PROCESS_NOT_FOUND");
  EXPECT_EQ(reason("/bin/true", 0), "BINARY_NOT_GO");
}

TEST_F(ProfileCatalogTest, VerifiesAStoredProfile) {
  const std::string id = Resolved(shop_).identity.Id();
  EXPECT_TRUE(catalog_->Verify(id, "").ok());
  EXPECT_TRUE(catalog_->Verify(id, shop_).ok());
  EXPECT_EQ(ReasonOf(catalog_->Verify(id, other_)), "PROFILE_BINARY_MISMATCH");
  EXPECT_EQ(ReasonOf(catalog_->Verify("unknown", "")), "PROFILE_NOT_FOUND");
}

TEST_F(ProfileCatalogTest, VerifyFindsAWrongSite) {
  profile::Profile wrong = Resolved(shop_);
  wrong.sites.front().bytes.front() ^= 0xff;
  ASSERT_TRUE(store_->PutProfile(wrong, shop_, false, 1).ok());
  EXPECT_FALSE(catalog_->Verify(wrong.identity.Id(), "").ok());
}

TEST_F(ProfileCatalogTest, ImportsWhatIsConsistent) {
  const profile::Profile profile = Resolved(shop_);
  const std::string id = profile.identity.Id();
  ASSERT_TRUE(catalog_->Delete(id).ok());

  EXPECT_TRUE(catalog_->Import({{profile, ""}}, false).ok());

  EXPECT_TRUE(Imported(id));
  EXPECT_EQ(*catalog_->Get(id), profile);
  EXPECT_EQ(ReasonOf(catalog_->Verify(id, "")), "TARGET_MISSING");
  EXPECT_TRUE(Resolve(shop_)->from_store);
}

TEST_F(ProfileCatalogTest, ImportNeverReplacesWhatWasResolvedHere) {
  const profile::Profile profile = Resolved(shop_);
  const std::string id = profile.identity.Id();

  EXPECT_EQ(ReasonOf(catalog_->Import({{profile, ""}}, false)), "PROFILE_EXISTS");
  EXPECT_FALSE(Imported(id));
  EXPECT_TRUE(catalog_->Import({{profile, ""}}, true).ok());
  EXPECT_TRUE(Imported(id));
  EXPECT_TRUE(catalog_->Import({{profile, ""}}, false).ok()) << "an imported one may be replaced";
  EXPECT_EQ(catalog_->List("", 10)->front().binary_path, shop_);
}

TEST_F(ProfileCatalogTest, ImportRefusesWhatDoesNotVerify) {
  const profile::Profile right = Resolved(shop_);
  ASSERT_TRUE(catalog_->Delete(right.identity.Id()).ok());

  profile::Profile wrong = right;
  wrong.sites.front().bytes.front() ^= 0xff;
  EXPECT_FALSE(catalog_->Import({{wrong, shop_}}, true).ok());
  EXPECT_EQ(ReasonOf(catalog_->Import({{right, other_}}, true)), "PROFILE_BINARY_MISMATCH");
  EXPECT_EQ(ReasonOf(catalog_->Import({{right, "/nonexistent"}}, true)), "BINARY_NOT_FOUND");
  for (const std::string& sha256 : {std::string(), std::string("abc"), std::string(64, 'X')}) {
    profile::Profile nameless = right;
    nameless.identity.sha256 = sha256;
    EXPECT_EQ(ReasonOf(catalog_->Import({{nameless, ""}}, true)), "PROFILE_INVALID") << sha256;
  }
  profile::Profile empty;
  empty.identity = right.identity;
  EXPECT_FALSE(catalog_->Import({{empty, ""}}, true).ok());
  EXPECT_TRUE(catalog_->List("", 10)->empty());
}

TEST_F(ProfileCatalogTest, DeletesAProfile) {
  const std::string id = Resolved(shop_).identity.Id();
  ASSERT_TRUE(catalog_->Delete(id).ok());
  EXPECT_EQ(ReasonOf(catalog_->Get(id).status()), "PROFILE_NOT_FOUND");
}

}  // namespace
}  // namespace uprobed::control
