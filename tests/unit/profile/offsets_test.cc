#include "server/profile/offsets.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::profile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr char kStatusField[] = "net/http.response.status";

Profile ProfileWith(std::map<std::string, FieldOffset> fields) {
  Profile profile;
  profile.fields = std::move(fields);
  return profile;
}

TEST(Combine, TakesTheStrongestAndKeepsWhatTheOthersSay) {
  EXPECT_THAT(
      Combine({.dwarf = {{kStatusField, 120}},
               .table = {{kStatusField, 120}},
               .machine_code = {{kStatusField, 120}}}),
      ElementsAre(Pair(
          kStatusField,
          FieldOffset{120, Source::kDwarf, {{Source::kTable, 120}, {Source::kDisassembly, 120}}})));
  EXPECT_THAT(
      Combine({.dwarf = {}, .table = {{kStatusField, 120}}, .machine_code = {{kStatusField, 120}}}),
      ElementsAre(
          Pair(kStatusField, FieldOffset{120, Source::kTable, {{Source::kDisassembly, 120}}})));
  EXPECT_THAT(Combine({.dwarf = {}, .table = {}, .machine_code = {{kStatusField, 120}}}),
              ElementsAre(Pair(kStatusField, FieldOffset{120, Source::kDisassembly, {}})));
  EXPECT_THAT(Combine({}), IsEmpty());
}

TEST(Combine, GivesEachFieldItsOwnSources) {
  EXPECT_THAT(Combine({.dwarf = {{"a", 1}}, .table = {{"b", 2}}, .machine_code = {{"a", 1}}}),
              ElementsAre(Pair("a", FieldOffset{1, Source::kDwarf, {{Source::kDisassembly, 1}}}),
                          Pair("b", FieldOffset{2, Source::kTable, {}})));
}

TEST(Trust, IsConsistentWhereTheSourcesAgree) {
  const Profile profile = ProfileWith(Combine(
      {.dwarf = {{kStatusField, 120}}, .table = {}, .machine_code = {{kStatusField, 120}}}));

  EXPECT_EQ(profile.trust(), Trust::kConsistent);
  EXPECT_THAT(profile.Disagreements(), IsEmpty());
}

TEST(Trust, IsSuspectWhereTwoSourcesDisagree) {
  const Profile profile = ProfileWith(Combine({.dwarf = {},
                                               .table = {{kStatusField, 120}, {"b", 2}},
                                               .machine_code = {{kStatusField, 128}, {"b", 2}}}));

  EXPECT_EQ(profile.trust(), Trust::kSuspect);
  EXPECT_THAT(profile.Disagreements(),
              ElementsAre(Disagreement{kStatusField, "OFFSETS_DISAGREE",
                                       "the offset of net/http.response.status: table says 120, "
                                       "disassembly says 128"}));
}

TEST(Trust, IsSuspectWhereOnlyTheWeakestDisagrees) {
  EXPECT_EQ(ProfileWith(Combine({.dwarf = {{kStatusField, 120}},
                                 .table = {{kStatusField, 120}},
                                 .machine_code = {{kStatusField, 128}}}))
                .trust(),
            Trust::kSuspect);
}

}  // namespace
}  // namespace uprobed::profile
