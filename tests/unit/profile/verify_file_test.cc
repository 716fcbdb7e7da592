#include <algorithm>
#include <cstdint>
#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/elf/instructions.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

// Verify against a real program: the newest hello and its own profile.
class Verified : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = NewestHello(false);
    if (path_.empty()) GTEST_SKIP() << kNoTargets;
    auto profile = ResolveTarget(path_);
    ASSERT_TRUE(profile.ok()) << profile.status();
    profile_ = *std::move(profile);
    content_ = ReadWhole(path_);
  }

  absl::Status VerifyCopy() { return VerifyPath(profile_, directory_.Write("copy", content_)); }

  testing::TempDir directory_;
  std::filesystem::path path_;
  Profile profile_;
  std::string content_;
};

TEST_F(Verified, IsAnEqualCopy) { EXPECT_TRUE(VerifyCopy().ok()) << VerifyCopy(); }

TEST_F(Verified, IsNoFileInWhichAnyOneByteOfASiteDiffers) {
  for (const Site& site : profile_.sites) {
    for (size_t i = 0; i < site.bytes.size(); i += site.bytes.size() - 1) {
      const std::string original = content_;
      content_[site.file_offset + i] = static_cast<char>(content_[site.file_offset + i] ^ 0x01);

      const absl::Status status = VerifyCopy();

      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << site.instruction;
      EXPECT_EQ(ReasonOf(status), "PROFILE_BYTES_MISMATCH") << site.instruction;
      content_ = original;
      if (site.bytes.size() == 1) break;
    }
  }
}

TEST_F(Verified, IsNoFileOfAnotherSize) {
  content_ += '\0';

  const absl::Status status = VerifyCopy();

  EXPECT_EQ(ReasonOf(status), "PROFILE_BYTES_MISMATCH");
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("bytes, the profile's has"));
}

TEST_F(Verified, IsNoFileOfAnotherArchitecture) {
  content_[18] = static_cast<char>(183);  // e_machine: EM_AARCH64

  const absl::Status status = VerifyCopy();

  EXPECT_EQ(ReasonOf(status), "PROFILE_BYTES_MISMATCH");
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("arm64"));
}

TEST_F(Verified, IsNoProfileWithAWrongAddress) {
  profile_.sites[0].virtual_address += 0x1000;

  EXPECT_EQ(ReasonOf(VerifyCopy()), "PROFILE_BYTES_MISMATCH");
}

TEST_F(Verified, IsNoProfileWithASiteInTheMiddleOfAnInstruction) {
  // The second byte of a `jmp` or `jcc` in the error paths: its bytes are those of the file.
  const auto found =
      std::find_if(profile_.sites.begin(), profile_.sites.end(), [](const Site& site) {
        return site.kind == SiteKind::kClientError && site.bytes.size() > 1;
      });
  ASSERT_NE(found, profile_.sites.end());
  found->virtual_address += 1;
  found->file_offset += 1;
  found->function_offset += 1;
  found->bytes = {static_cast<uint8_t>(content_[found->file_offset])};
  found->cost = elf::KernelEmulates(elf::Architecture::kAmd64, found->bytes)
                    ? CostClass::kEmulated
                    : CostClass::kSingleStepped;

  const absl::Status status = VerifyCopy();

  EXPECT_EQ(ReasonOf(status), "PROFILE_INVALID");
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("not an instruction"));
}

TEST_F(Verified, IsNoProfileWithASiteOfAnotherFunction) {
  // A client error on the server's own instruction: real, but not where the profile says.
  Site& error = *std::find_if(profile_.sites.begin(), profile_.sites.end(),
                              [](const Site& site) { return site.kind == SiteKind::kClientError; });
  const Site server =
      *std::find_if(profile_.sites.begin(), profile_.sites.end(),
                    [](const Site& site) { return site.kind == SiteKind::kServerEnd; });
  error.virtual_address = server.virtual_address;
  error.file_offset = server.file_offset;
  error.function_offset = server.function_offset;
  error.bytes = server.bytes;
  std::erase_if(profile_.sites, [](const Site& site) {
    return InstrumentationOf(site.kind) == Instrumentation::kHttpServer;
  });
  std::sort(profile_.sites.begin(), profile_.sites.end(),
            [](const Site& a, const Site& b) { return a.file_offset < b.file_offset; });
  profile_.absences.push_back({Instrumentation::kHttpServer, "SITE_NOT_FOUND", "left out"});

  EXPECT_EQ(ReasonOf(VerifyCopy()), "PROFILE_INVALID");
}

TEST_F(Verified, IsNoProfileWithAWrongFunctionOffset) {
  profile_.sites[0].function_offset += 1;

  EXPECT_EQ(ReasonOf(VerifyCopy()), "PROFILE_INVALID");
}

TEST_F(Verified, IsNoProfileThatBreaksARule) {
  std::find_if(profile_.sites.begin(), profile_.sites.end(), [](const Site& site) {
    return site.kind == SiteKind::kServerEnd;
  })->arguments.clear();

  EXPECT_EQ(ReasonOf(VerifyCopy()), "PROFILE_INVALID");
}

}  // namespace
}  // namespace uprobed::profile
