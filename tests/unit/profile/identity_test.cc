#include <cstdio>
#include <filesystem>

#include "gtest/gtest.h"
#include "server/profile/resolver.h"
#include "tests/support/targets.h"

namespace uprobed::profile {
namespace {

TEST(Identity, OfAGoBinaryHasItsBuildIdAndTheHashOfTheFile) {
  const auto targets = testing::AvailableTargets("hello");
  if (targets.empty()) GTEST_SKIP() << "no targets; run scripts/build_targets";
  const auto file = elf::ElfFile::Open(targets.front().path.string());
  ASSERT_TRUE(file.ok()) << file.status();

  const auto identity = ReadIdentity(*file);

  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->size, std::filesystem::file_size(targets.front().path));
  EXPECT_EQ(identity->sha256.size(), 64u);
  EXPECT_FALSE(identity->go_build_id.empty());
  EXPECT_EQ(identity->Id(), identity->sha256.substr(0, 32));
}

TEST(Identity, OfTwoBuildsDiffers) {
  const auto targets = testing::AvailableTargets("hello");
  if (targets.size() < 2) GTEST_SKIP() << "no targets; run scripts/build_targets";
  const auto one = elf::ElfFile::Open(targets[0].path.string());
  const auto other = elf::ElfFile::Open(targets[1].path.string());
  ASSERT_TRUE(one.ok() && other.ok());

  EXPECT_NE(ReadIdentity(*one)->sha256, ReadIdentity(*other)->sha256);
}

TEST(Identity, HashesAsSha256Does) {
  const auto targets = testing::AvailableTargets("hello");
  if (targets.empty()) GTEST_SKIP() << "no targets; run scripts/build_targets";
  const std::string command = "sha256sum " + targets.front().path.string();
  FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  char expected[65] = {};
  const size_t read = fread(expected, 1, 64, pipe);
  pclose(pipe);
  ASSERT_EQ(read, 64u);
  const auto file = elf::ElfFile::Open(targets.front().path.string());
  ASSERT_TRUE(file.ok()) << file.status();

  EXPECT_EQ(ReadIdentity(*file)->sha256, expected);
}

}  // namespace
}  // namespace uprobed::profile
