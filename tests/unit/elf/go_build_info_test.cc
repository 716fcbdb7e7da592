#include "server/elf/go_build_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/errors.h"
#include "tests/support/targets.h"
#include "tests/unit/elf/elf_image.h"

namespace uprobed::elf {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::uprobed::testing::AvailableTargets;

const std::string kSentinel(16, '\x30');

std::string Header(uint8_t flags) {
  std::string header("\xff Go buildinf:\x08", 15);
  header += static_cast<char>(flags);
  header.resize(32);
  return header;
}

std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string Inline(const std::string& text) { return Varint(text.size()) + text; }

std::string InlineInfo(const std::string& version, const std::string& modules) {
  return Header(2) + Inline(version) + Inline(kSentinel + modules + kSentinel);
}

absl::StatusOr<GoBuildInfo> ReadSection(std::string_view section) {
  ElfImage image;
  image.Add(".go.buildinfo", section);
  const auto file = image.Open();
  if (!file.ok()) return file.status();
  return ReadGoBuildInfo(*file);
}

std::string ReasonOfSection(std::string_view section) {
  const auto info = ReadSection(section);
  return info.ok() ? "OK" : ReasonOf(info.status());
}

TEST(GoBuildInfo, ReadsInlineStrings) {
  const auto info = ReadSection(InlineInfo("go1.24.12",
                                           "path\texample.com/shop/cmd/shop\n"
                                           "mod\texample.com/shop\tv1.2.3\th1:abc=\n"
                                           "dep\tgolang.org/x/net\tv0.38.0\th1:def=\n"
                                           "build\t-compiler=gc\n"
                                           "build\tGOARCH=amd64\n"));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->go_version, "go1.24.12");
  EXPECT_EQ(info->main_package, "example.com/shop/cmd/shop");
  EXPECT_EQ(info->main_module, "example.com/shop");
  EXPECT_THAT(info->modules, ElementsAre(Pair("golang.org/x/net", "v0.38.0")));
  EXPECT_THAT(info->settings, ElementsAre(Pair("-compiler", "gc"), Pair("GOARCH", "amd64")));
}

TEST(GoBuildInfo, IsFoundByItsFirstBytesWhereNoSectionIsCalledSo) {
  ElfImage image;
  image.load_flags = PF_R | PF_W;
  image.Add(".text", InlineInfo("go1.23.1", "").substr(0, 14));
  image.Add(".decoy", " " + InlineInfo("go1.22.1", ""));  // at an odd address
  image.Add(".renamed", InlineInfo("go1.24.12", "mod\texample.com/shop\tv1.2.3\n"));
  // The first is cut off by what follows it: as damaged as it would be in its section.
  const auto damaged = image.Open();
  ASSERT_TRUE(damaged.ok()) << damaged.status();
  EXPECT_FALSE(ReadGoBuildInfo(*damaged).ok());

  ElfImage good;
  good.load_flags = PF_R | PF_W;
  good.Add(".decoy", " " + InlineInfo("go1.22.1", ""));
  good.Add(".renamed", InlineInfo("go1.24.12", "mod\texample.com/shop\tv1.2.3\n"));
  const auto file = good.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto info = ReadGoBuildInfo(*file);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->go_version, "go1.24.12");
  EXPECT_EQ(info->main_module, "example.com/shop");
}

TEST(GoBuildInfo, IsNotLookedForInWhatIsNotWritable) {
  ElfImage image;
  image.Add(".rodata", InlineInfo("go1.24.12", ""));
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReasonOf(ReadGoBuildInfo(*file).status()), "BINARY_NOT_GO");
}

TEST(GoBuildInfo, RefusesAVersionThatIsABook) {
  EXPECT_EQ(ReasonOfSection(InlineInfo("go1.24" + std::string(250, 'x'), "")), "OK");
  EXPECT_EQ(ReasonOfSection(InlineInfo("go1.24" + std::string(251, 'x'), "")),
            "BUILD_INFO_MALFORMED");
}

TEST(GoBuildInfo, AppliesReplacements) {
  const auto info = ReadSection(InlineInfo("go1.24.12",
                                           "mod\texample.com/shop\t(devel)\t\n"
                                           "=>\texample.com/ignored\tv9.9.9\n"
                                           "dep\ta.org/same\tv1.0.0\n"
                                           "=>\ta.org/same\tv1.1.0\th1:abc=\n"
                                           "dep\tb.org/fork\tv2.0.0\n"
                                           "=>\tgithub.com/me/fork\tv2.0.0\th1:abc=\n"));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_THAT(info->modules, ElementsAre(Pair("a.org/same", "v1.1.0"),
                                         Pair("b.org/fork", "github.com/me/fork@v2.0.0")));
}

TEST(GoBuildInfo, UnquotesSettings) {
  const auto info = ReadSection(InlineInfo("go1.24.12",
                                           "build\t-ldflags=\"-X \\\"a=b\\\" -s\"\n"
                                           "build\t\"odd=key\"=value\n"
                                           "build\t\"never closed\n"
                                           "build\tno equals sign\n"));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_THAT(info->settings,
              ElementsAre(Pair("-ldflags", "-X \"a=b\" -s"), Pair("odd=key", "value")));
}

TEST(GoBuildInfo, AcceptsAProgramBuiltWithoutModules) {
  const auto info = ReadSection(Header(2) + Inline("go1.22.0") + Inline(""));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->go_version, "go1.22.0");
  EXPECT_EQ(info->main_package, "");
  EXPECT_THAT(info->modules, IsEmpty());
}

TEST(GoBuildInfo, SurvivesOddModuleLines) {
  for (const std::string lines : {"\n\n\n", "path", "dep", "=>\tx\tv1", "\t\t\t", "build\t"}) {
    EXPECT_EQ(ReasonOfSection(InlineInfo("go1.22.0", lines)), "OK") << lines;
  }
}

TEST(GoBuildInfo, ReadsPointersToStrings) {
  ElfImage image;
  const std::string modules = kSentinel + "path\tmain\n" + kSentinel;
  std::string strings;
  Append(strings, image.Add(".version", "go1.17.13"));
  Append(strings, uint64_t{9});
  Append(strings, image.Add(".modules", modules));
  Append(strings, uint64_t{modules.size()});
  const uint64_t headers = image.Add(".data", strings);
  std::string info_section = Header(0);
  Patch(info_section, 16, headers);
  Patch(info_section, 24, headers + 16);
  image.Add(".go.buildinfo", info_section);
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto info = ReadGoBuildInfo(*file);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->go_version, "go1.17.13");
  EXPECT_EQ(info->main_package, "main");
}

TEST(GoBuildInfo, RefusesPointersOutsideOfTheFile) {
  for (const uint64_t lie : {uint64_t{0}, uint64_t{1} << 40, UINT64_MAX, UINT64_MAX - 7}) {
    std::string section = Header(0);
    Patch(section, 16, lie);
    Patch(section, 24, lie);
    EXPECT_EQ(ReasonOfSection(section), "BUILD_INFO_MALFORMED") << lie;
  }
}

TEST(GoBuildInfo, RefusesAPointedStringOutsideOfTheFile) {
  ElfImage image;
  std::string strings;
  Append(strings, ElfImage::kBase);
  Append(strings, UINT64_MAX);
  const uint64_t headers = image.Add(".data", strings);
  std::string section = Header(0);
  Patch(section, 16, headers);
  Patch(section, 24, headers);
  image.Add(".go.buildinfo", section);
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReasonOf(ReadGoBuildInfo(*file).status()), "BUILD_INFO_MALFORMED");
}

TEST(GoBuildInfo, RefusesAProgramThatIsNotGo) {
  const auto file = ElfImage().Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReasonOf(ReadGoBuildInfo(*file).status()), "BINARY_NOT_GO");
  EXPECT_EQ(ReasonOfSection(""), "BINARY_NOT_GO");
  EXPECT_EQ(ReasonOfSection(std::string(64, 'x')), "BINARY_NOT_GO");
}

TEST(GoBuildInfo, RefusesEveryTruncation) {
  const std::string section = InlineInfo("go1.24.12", "path\tmain\n");
  ASSERT_EQ(ReasonOfSection(section), "OK");
  for (size_t size = 0; size < section.size(); ++size) {
    EXPECT_EQ(ReasonOfSection(section.substr(0, size)),
              size < 14 ? "BINARY_NOT_GO" : "BUILD_INFO_MALFORMED")
        << size;
  }
}

TEST(GoBuildInfo, RefusesLyingLengths) {
  const std::string endless(20, '\xff');
  EXPECT_EQ(ReasonOfSection(Header(2) + endless), "BUILD_INFO_MALFORMED");
  EXPECT_EQ(ReasonOfSection(Header(2) + Varint(UINT64_MAX) + "go"), "BUILD_INFO_MALFORMED");
  EXPECT_EQ(ReasonOfSection(Header(2) + Inline("") + Inline("")), "BUILD_INFO_MALFORMED");
}

TEST(GoBuildInfo, RefusesBigEndianPointers) {
  EXPECT_EQ(ReasonOfSection(Header(1)), "BUILD_INFO_MALFORMED");
}

TEST(GoBuildInfo, IsReadFromGoPrograms) {
  const auto targets = AvailableTargets("hello");
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  for (const auto& target : targets) {
    SCOPED_TRACE(target.path);
    const auto file = ElfFile::Open(target.path);
    ASSERT_TRUE(file.ok()) << file.status();
    auto info = ReadGoBuildInfo(*file);
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->go_version, target.go_version);
    EXPECT_NE(info->main_package, "");
    // The settings came with Go 1.18.
    const std::string architecture =
        target.go_version < "go1.18" ? "" : std::string(Name(file->architecture()));
    EXPECT_EQ(info->settings["GOARCH"], architecture);
    // Go 1.19 and later record the linker's flags, except with -trimpath.
    if (target.stripped && info->settings.contains("-ldflags")) {
      EXPECT_EQ(info->settings.at("-ldflags"), "-s -w");
    }
  }
}

}  // namespace
}  // namespace uprobed::elf
