// What is particular to profiles of arm64 binaries; what holds of every architecture is in
// target_sites_test.cc and site_table_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "bpf/abi/site_cookie.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/profile/fields.h"
#include "server/profile/jump_conditions.h"
#include "server/profile/sites.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/profile/resolved.h"
#include "tests/unit/profile/valid_profile.h"

namespace uprobed::profile {
namespace {

using ::testing::HasSubstr;

std::vector<uint8_t> BytesOf(uint32_t word) {
  return {static_cast<uint8_t>(word), static_cast<uint8_t>(word >> 8),
          static_cast<uint8_t>(word >> 16), static_cast<uint8_t>(word >> 24)};
}

constexpr uint32_t kBl = 0x94008000;
constexpr uint32_t kBls = 0x54000809;
constexpr uint32_t kCbzX1 = 0xb40002e1;
constexpr uint32_t kTbnzW9Bit5 = 0x372fff89;
constexpr uint32_t kRet = 0xd65f03c0;

std::filesystem::path NewestArm64Hello() {
  std::filesystem::path newest;
  for (const auto& target : SupportedTargets(elf::Architecture::kArm64)) {
    if (!target.stripped) newest = target.path;
  }
  return newest;
}

TEST(Arm64Profile, IsRefusedWhereGoPassesArgumentsOnTheStack) {
  size_t seen = 0;
  for (const auto& target : testing::AvailableTargets("hello", testing::Arm64TargetsDir())) {
    if (!target.go_version.starts_with("go1.17.")) continue;
    ++seen;
    const auto profile = ResolveTarget(target.path);
    EXPECT_EQ(profile.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(profile.status()), "GO_VERSION_UNSUPPORTED");
    EXPECT_THAT(std::string(profile.status().message()), HasSubstr("Go 1.18 or newer"));
  }
  if (seen == 0) GTEST_SKIP() << kNoTargets;
}

TEST(Arm64Profile, IsMadeOfAPositionIndependentBuild) {
  const auto matrix = testing::BuildMatrix("hello", testing::Arm64TargetsDir());
  size_t seen = 0;
  for (const auto& [version, builds] : matrix) {
    if (!builds.contains("pie")) continue;
    ++seen;
    const auto profile = ResolveTarget(builds.at("pie"));
    const auto plain = ResolveTarget(builds.at("default"));
    ASSERT_TRUE(profile.ok()) << profile.status();
    ASSERT_TRUE(plain.ok()) << plain.status();
    EXPECT_TRUE(profile->position_independent);
    EXPECT_EQ(profile->sites.size(), plain->sites.size());
    EXPECT_EQ(profile->fields, plain->fields);
    EXPECT_TRUE(VerifyPath(*profile, builds.at("pie")).ok());
  }
  if (seen == 0) GTEST_SKIP() << kNoTargets;
}

TEST(Arm64Profile, TakesNoOffsetsFromMachineCode) {
  const auto hello = NewestArm64Hello();
  if (hello.empty()) GTEST_SKIP() << kNoTargets;

  const auto profile = ResolveTarget(hello);

  ASSERT_TRUE(profile.ok()) << profile.status();
  for (const auto& [key, field] : profile->fields) {
    EXPECT_EQ(field.source, Source::kDwarf) << key;
    EXPECT_EQ(field.others, (std::vector<Evidence>{{Source::kTable, field.offset}})) << key;
  }
}

// A copy in which the instruction of the only site of `kind` is another.
absl::StatusOr<Profile> ResolveWith(SiteKind kind, uint32_t word) {
  const auto hello = NewestArm64Hello();
  ASSIGN_OR_RETURN(const Profile profile, ResolveTarget(hello));
  std::string content = ReadWhole(hello);
  for (const Site& site : profile.sites) {
    if (site.kind == kind) std::memcpy(content.data() + site.file_offset, &word, sizeof(word));
  }
  testing::TempDir directory;
  return ResolvePath(directory.Write("copy", content));
}

std::string WhyNoClient(const absl::StatusOr<Profile>& profile) {
  EXPECT_TRUE(profile.ok()) << profile.status();
  if (!profile.ok() || profile->absences.empty()) return "";
  EXPECT_EQ(profile->absences[0].instrumentation, Instrumentation::kHttpClient);
  EXPECT_EQ(profile->absences[0].reason, "SITE_NOT_FOUND");
  return profile->absences[0].message;
}

TEST(Arm64Profile, HasNoClientWhereTheErrorIsNotWhatIsTested) {
  if (NewestArm64Hello().empty()) GTEST_SKIP() << kNoTargets;

  constexpr uint32_t kCbzX2 = 0xb40002e2;
  constexpr uint32_t kCbzW1 = 0x340002e1;
  constexpr uint32_t kBeq = 0x540002e0;
  for (const uint32_t word : {kCbzX2, kCbzW1, kBeq}) {
    EXPECT_THAT(WhyNoClient(ResolveWith(SiteKind::kClientResult, word)),
                HasSubstr("does not test the error"))
        << fmt::format("{:#x}", word);
  }
}

TEST(Arm64Profile, HasNoClientWithoutAStackCheck) {
  if (NewestArm64Hello().empty()) GTEST_SKIP() << kNoTargets;

  constexpr uint32_t kNop = 0xd503201f;
  EXPECT_THAT(WhyNoClient(ResolveWith(SiteKind::kClientStart, kNop)), HasSubstr("stack check"));
}

TEST(ZeroTestOf, KnowsTheTestsOfBothArchitectures) {
  const auto arm64 = [](uint32_t word) {
    return ZeroTestOf(elf::Architecture::kArm64, BytesOf(word));
  };
  const auto amd64 = [](const std::vector<uint8_t>& bytes) {
    return ZeroTestOf(elf::Architecture::kAmd64, bytes);
  };

  EXPECT_EQ(arm64(kCbzX1), ZeroTest::kJumpsIfZero);
  EXPECT_EQ(arm64(0xb50002e1), ZeroTest::kJumpsIfNotZero);  // cbnz x1
  EXPECT_EQ(arm64(0x340002e1), std::nullopt);               // cbz w1: half of the word
  EXPECT_EQ(arm64(kTbnzW9Bit5), std::nullopt);
  EXPECT_EQ(arm64(0x540002e0), std::nullopt);  // b.eq: of flags that nobody looked at
  EXPECT_EQ(amd64({0x74, 0x10}), ZeroTest::kJumpsIfZero);
  EXPECT_EQ(amd64({0x0f, 0x85, 0, 1, 0, 0}), ZeroTest::kJumpsIfNotZero);
  EXPECT_EQ(amd64({0x76, 0x10}), std::nullopt);  // jbe
}

TEST(PackedConditionOf, IsWhatTheKernelSideEvaluates) {
  const auto of = [](uint32_t word) {
    return PackedConditionOf(elf::Architecture::kArm64, BytesOf(word));
  };

  EXPECT_EQ(of(kBls), 9);
  EXPECT_EQ(of(kCbzX1), UP_CONDITION_ON_REGISTER | 1);
  EXPECT_EQ(of(0x35ffffc3),  // cbnz w3
            UP_CONDITION_ON_REGISTER | UP_CONDITION_LOW_HALF | UP_CONDITION_NOT_ZERO | 3);
  EXPECT_EQ(
      of(0xb6280089),  // tbz x9, #37
      UP_CONDITION_ON_REGISTER | UP_CONDITION_ONE_BIT | 37 << UP_CONDITION_FIRST_BIT_SHIFT | 9);
  EXPECT_EQ(of(kRet), std::nullopt);
  EXPECT_EQ(PackedConditionOf(elf::Architecture::kAmd64, {0x75, 0x10}), 5);
  constexpr uint32_t kTbnzXzrBit63 = 0xb7f8001f;  // every field at its greatest
  EXPECT_EQ(of(kTbnzXzrBit63).value_or(0) & ~UP_COOKIE_CONDITION_MASK, 0u);
}

Site Arm64Site(SiteKind kind, uint32_t function_offset, uint32_t word) {
  return MakeSite(CallAbi::kArm64Registers, kind, function_offset, BytesOf(word));
}

// Sites: 0 server start, 1 server end, 2 client start, 3 branch, 4 result, 5 error.
Profile Arm64Profile() {
  Profile profile = MakeProfile("arm64", {Arm64Site(SiteKind::kServerStart, 0x10, kBl),
                                          Arm64Site(SiteKind::kServerEnd, 0x20, kBl),
                                          Arm64Site(SiteKind::kClientStart, 0x0c, kBls),
                                          Arm64Site(SiteKind::kClientBranch, 0x20, kTbnzW9Bit5),
                                          Arm64Site(SiteKind::kClientResult, 0x30, kCbzX1),
                                          Arm64Site(SiteKind::kClientError, 0x40, kRet)});
  profile.sites[3].condition =
      *PackedConditionOf(elf::Architecture::kArm64, profile.sites[3].bytes);
  return profile;
}

class Arm64Rule : public ::testing::TestWithParam<Spoiled> {};

TEST_P(Arm64Rule, IsObeyed) {
  Profile profile = Arm64Profile();
  ASSERT_TRUE(CheckConsistency(profile).ok()) << CheckConsistency(profile);

  GetParam().spoil(profile);

  const absl::Status status = CheckConsistency(profile);
  EXPECT_EQ(ReasonOf(status), "PROFILE_INVALID");
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
}

const Spoiled kRules[] = {
    {"arguments", [](Profile& p) { p.sites[0].arguments[0].register_name = "rdi"; }},
    {"arguments",
     [](Profile& p) {
       p.sites[1].arguments = ArgumentsOf(SiteKind::kServerEnd, CallAbi::kAmd64Stack);
     }},
    {"not a direct call",
     [](Profile& p) {
       p.sites[0].bytes = {0xe8, 1, 2, 3, 4};
     }},
    {"not a direct call", [](Profile& p) { p.sites[0].bytes = BytesOf(0xd63f0340); }},
    {"not a test for equality", [](Profile& p) { p.sites[4].bytes = BytesOf(kTbnzW9Bit5); }},
    {"with the condition it names", [](Profile& p) { p.sites[3].condition = 5; }},
    {"can be", [](Profile& p) { p.sites[5].file_offset += 2; }},
    {"can be", [](Profile& p) { p.sites[5].virtual_address += 2; }},
    {"lets nobody probe", [](Profile& p) { p.sites[5].bytes = BytesOf(0xc85f7c41); }},  // ldxr
    {"lets nobody probe", [](Profile& p) { p.sites[5].bytes = {0x90}; }},
    {"is marked emulated", [](Profile& p) { p.sites[5].bytes = BytesOf(0xd503201f); }},
};
INSTANTIATE_TEST_SUITE_P(Of, Arm64Rule, ::testing::ValuesIn(kRules));

}  // namespace
}  // namespace uprobed::profile
