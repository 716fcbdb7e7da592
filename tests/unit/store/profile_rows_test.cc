#include "server/store/profile_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "server/base/errors.h"
#include "tests/unit/store/support.h"

namespace uprobed::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void Put(Database& database, const profile::Profile& profile) {
  EXPECT_TRUE(WriteProfiles(database, {{profile, "/srv/shop", false}}, kNow).ok());
}

std::vector<std::string> Ids(const std::vector<ProfileSummary>& summaries) {
  std::vector<std::string> ids;
  ids.reserve(summaries.size());
  for (const ProfileSummary& summary : summaries) ids.push_back(summary.id);
  return ids;
}

TEST(ProfileRows, KeepEveryValueOfAProfile) {
  Database database = OpenSchema();
  Put(database, FullProfile());

  const auto read = ReadProfile(database, ProfileId('a'));

  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_TRUE(read->has_value());
  EXPECT_EQ(**read, FullProfile());
}

TEST(ProfileRows, KeepAProfileOfDefaults) {
  Database database = OpenSchema();
  profile::Profile bare;
  bare.identity.sha256 = std::string(64, 'b');
  Put(database, bare);

  const auto read = ReadProfile(database, ProfileId('b'));

  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_TRUE(read->has_value());
  EXPECT_EQ(**read, bare);
}

TEST(ProfileRows, KeepEachNameOfTheEnumerations) {
  Database database = OpenSchema();
  profile::Profile every = FullProfile();
  every.sites.clear();
  for (int kind = 0; kind <= static_cast<int>(profile::SiteKind::kClientBranch); ++kind) {
    every.sites.emplace_back().kind = static_cast<profile::SiteKind>(kind);
  }
  every.fields.clear();
  for (int source = 0; source <= static_cast<int>(profile::Source::kBuildInfo); ++source) {
    every.fields["field " + std::to_string(source)].source = static_cast<profile::Source>(source);
  }
  every.verdicts.clear();
  for (int verdict = 0; verdict <= static_cast<int>(FieldVerdict::kRefuted); ++verdict) {
    every.verdicts["field " + std::to_string(verdict)] = static_cast<FieldVerdict>(verdict);
  }
  Put(database, every);

  const auto read = ReadProfile(database, ProfileId('a'));

  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(**read, every);
}

TEST(ProfileRows, KeepAProfileSuspect) {
  Database database = OpenSchema();
  Put(database, FullProfile());

  const auto read = ReadProfile(database, ProfileId('a'));

  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)->trust(), profile::Trust::kSuspect);
  EXPECT_EQ((*read)->Disagreements(), FullProfile().Disagreements());
}

TEST(ProfileRows, AreReplacedAsAWhole) {
  Database database = OpenSchema();
  Put(database, FullProfile());
  profile::Profile smaller = FullProfile();
  smaller.sites.pop_back();
  smaller.modules.clear();
  smaller.fields.clear();
  smaller.verdicts.clear();
  smaller.absences.clear();

  Put(database, smaller);

  const auto read = ReadProfile(database, ProfileId('a'));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(**read, smaller);
  EXPECT_EQ(*database.Integer("SELECT count(*) FROM profiles"), 1);
}

TEST(ProfileRows, OfAnUnknownIdAreNone) {
  Database database = OpenSchema();

  const auto read = ReadProfile(database, "none");

  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_FALSE(read->has_value());
}

TEST(ProfileRows, AreListedPageByPage) {
  Database database = OpenSchema();
  for (const char digit : {'c', 'a', 'b'}) Put(database, FullProfile(digit));

  const auto first = ListProfileRows(database, "", 2);
  const auto second = ListProfileRows(database, ProfileId('b'), 2);
  const auto all = ListProfileRows(database, "", std::numeric_limits<size_t>::max());
  const auto none = ListProfileRows(database, "", 0);

  EXPECT_THAT(Ids(*first), ElementsAre(ProfileId('a'), ProfileId('b')));
  EXPECT_THAT(Ids(*second), ElementsAre(ProfileId('c')));
  EXPECT_EQ(all->size(), 3u);
  EXPECT_THAT(*none, IsEmpty());
}

TEST(ProfileRows, AreSummarised) {
  Database database = OpenSchema();
  ASSERT_TRUE(WriteProfiles(database, {{FullProfile(), "/srv/shop", true}}, kNow).ok());

  const auto summaries = ListProfileRows(database, "", 10);

  ASSERT_TRUE(summaries.ok()) << summaries.status();
  ASSERT_EQ(summaries->size(), 1u);
  const ProfileSummary& summary = summaries->front();
  EXPECT_EQ(summary.identity, FullProfile().identity);
  EXPECT_EQ(summary.go_version, "go1.24.12");
  EXPECT_EQ(summary.binary_path, "/srv/shop");
  EXPECT_EQ(summary.create_time_unix_ns, kNow);
  EXPECT_TRUE(summary.imported);
}

TEST(ProfileRows, LeaveNothingBehindWhenDeleted) {
  Database database = OpenSchema();
  Put(database, FullProfile());

  const auto deleted = DeleteProfileRows(database, ProfileId('a'));
  const auto again = DeleteProfileRows(database, ProfileId('a'));

  EXPECT_TRUE(*deleted);
  EXPECT_FALSE(*again);
  for (const std::string table :
       {"profiles", "profile_modules", "profile_sites", "profile_site_arguments", "profile_fields",
        "profile_field_evidence", "profile_field_verdicts", "profile_absences"}) {
    EXPECT_EQ(*database.Integer("SELECT count(*) FROM " + table), 0) << table;
  }
}

TEST(ProfileRows, AreWrittenWhollyOrNotAtAll) {
  Database database = OpenSchema();
  Put(database, FullProfile());
  ASSERT_TRUE(database
                  .ExecuteScript("CREATE TRIGGER refuse BEFORE INSERT ON profile_absences"
                                 " BEGIN SELECT RAISE(ABORT, 'refused'); END")
                  .ok());
  profile::Profile changed = FullProfile();
  changed.go_version = "go1.26.0";

  const absl::Status status = WriteProfiles(database, {{changed, "/srv/shop", false}}, kNow);

  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(**ReadProfile(database, ProfileId('a')), FullProfile());
}

TEST(ProfileRows, AreWrittenForAllProfilesOrForNone) {
  Database database = OpenSchema();
  Put(database, FullProfile());
  ASSERT_TRUE(database
                  .ExecuteScript("CREATE TRIGGER refuse BEFORE INSERT ON profiles"
                                 " WHEN new.go_version = 'go1.26.1'"
                                 " BEGIN SELECT RAISE(ABORT, 'refused'); END")
                  .ok());
  profile::Profile changed = FullProfile();
  changed.go_version = "go1.26.0";
  profile::Profile refused = FullProfile('b');
  refused.go_version = "go1.26.1";

  EXPECT_FALSE(WriteProfiles(database, {{changed, "", false}, {refused, "", false}}, kNow).ok());

  EXPECT_EQ(**ReadProfile(database, ProfileId('a')), FullProfile());
  EXPECT_FALSE(ReadProfile(database, ProfileId('b'))->has_value());
}

TEST(ProfileRows, ReplaceVerdictsAlone) {
  Database database = OpenSchema();
  Put(database, FullProfile());
  profile::Profile wanted = FullProfile();
  wanted.verdicts = {{"net/http.Request.URL", FieldVerdict::kSuspect}};

  const auto written = WriteVerdicts(
      database, ProfileId('a'),
      {{"net/http.Request.URL", FieldVerdict::kSuspect}, {"unknown", FieldVerdict::kVerified}});
  const auto elsewhere = WriteVerdicts(database, ProfileId('b'), wanted.verdicts);

  EXPECT_TRUE(*written);
  EXPECT_FALSE(*elsewhere);
  EXPECT_EQ(**ReadProfile(database, ProfileId('a')), wanted);
}

struct ProfileDamage {
  std::string sql;
  std::string row;  // as the error names it
};

class DamagedProfileRows : public ::testing::TestWithParam<ProfileDamage> {};

TEST_P(DamagedProfileRows, AreRefusedByName) {
  Database database = OpenSchema();
  Put(database, FullProfile());
  ASSERT_TRUE(database.ExecuteScript("PRAGMA foreign_keys = OFF;" + GetParam().sql).ok());

  const auto read = ReadProfile(database, ProfileId('a'));

  EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReasonOf(read.status()), "STORE_CORRUPT");
  EXPECT_THAT(MessageOf(read.status()), HasSubstr(GetParam().row));
}

INSTANTIATE_TEST_SUITE_P(
    All, DamagedProfileRows,
    ::testing::Values(
        ProfileDamage{"UPDATE profiles SET symbol_source = 'rumour'", "profiles/aaaa"},
        ProfileDamage{"UPDATE profiles SET map_kind = ''", "profiles/aaaa"},
        ProfileDamage{"UPDATE profiles SET resolver_revision = 4294967296", "profiles/aaaa"},
        ProfileDamage{"UPDATE profile_sites SET kind = 'x' WHERE position = 1",
                      "profile_sites 1 of"},
        ProfileDamage{"UPDATE profile_sites SET cost = 'x' WHERE position = 0",
                      "profile_sites 0 of"},
        ProfileDamage{"UPDATE profile_sites SET condition = 65536", "profile_sites 0 of"},
        ProfileDamage{"UPDATE profile_sites SET function_offset = -1", "profile_sites 0 of"},
        ProfileDamage{"DELETE FROM profile_sites WHERE position = 0", "profile_sites 1 of"},
        ProfileDamage{"DELETE FROM profile_sites", "profile_site_arguments 0.0 of"},
        ProfileDamage{"DELETE FROM profile_site_arguments WHERE position = 0",
                      "profile_site_arguments 0.1 of"},
        ProfileDamage{
            "UPDATE profile_site_arguments SET stack_offset = 2147483648 WHERE position = 1",
            "profile_site_arguments 0.1 of"},
        ProfileDamage{"UPDATE profile_fields SET byte_offset = 4294967296 WHERE name LIKE '%URL'",
                      "profile_fields net/http.Request.URL of"},
        ProfileDamage{"UPDATE profile_fields SET source = 'x' WHERE name LIKE '%URL'",
                      "profile_fields net/http.Request.URL of"},
        ProfileDamage{"UPDATE profile_field_evidence SET source = 'x' WHERE name LIKE '%URL'",
                      "profile_field_evidence net/http.Request.URL.0 of"},
        ProfileDamage{"UPDATE profile_field_evidence SET byte_offset = -1 WHERE name LIKE '%URL'",
                      "profile_field_evidence net/http.Request.URL.0 of"},
        ProfileDamage{"DELETE FROM profile_field_evidence WHERE position = 0",
                      "profile_field_evidence net/http.response.status.1 of"},
        ProfileDamage{"UPDATE profile_field_verdicts SET verdict = 'x' WHERE name LIKE '%Method'",
                      "profile_field_verdicts net/http.Request.Method of"},
        ProfileDamage{"DELETE FROM profile_fields WHERE name LIKE '%URL'",
                      "profile_field_evidence net/http.Request.URL.0 of"},
        ProfileDamage{"UPDATE profile_absences SET instrumentation = 'x' WHERE position = 1",
                      "profile_absences 1 of"},
        ProfileDamage{"DELETE FROM profile_absences WHERE position = 0", "profile_absences 1 of"}));

TEST(ArgumentKindName, IsStable) {
  using Kind = profile::ArgumentLocation::Kind;

  EXPECT_EQ(ArgumentKindName(Kind::kRegister), "register");
  EXPECT_EQ(ArgumentKindName(Kind::kStack), "stack");
  EXPECT_EQ(ArgumentKindFromName("register"), Kind::kRegister);
  EXPECT_EQ(ArgumentKindFromName("stack"), Kind::kStack);
  EXPECT_EQ(ArgumentKindFromName("heap"), std::nullopt);
}

}  // namespace
}  // namespace uprobed::store
