#include "server/profile/resolver.h"

#include <algorithm>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/elf/go_functions.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

// The offset of e_machine in an ELF header, and the value for arm64 (elf.h: EM_AARCH64).
constexpr size_t kMachineOffset = 18;
constexpr char kArm64 = static_cast<char>(183);

// A copy of a hello program that a test spoils.
class SpoiledCopy : public ::testing::Test {
 protected:
  // False where there is no such program to copy.
  bool Take(bool stripped) {
    original_ = NewestHello(stripped);
    if (original_.empty()) return false;
    content_ = ReadWhole(original_);
    return true;
  }

  absl::StatusOr<Profile> ResolveCopy() { return ResolvePath(directory_.Write("copy", content_)); }

  // Writes another Go version into the build info; the runtime's own copy stays.
  void SetVersion(const std::string& version) {
    const auto file = elf::ElfFile::Open(original_.string());
    ASSERT_TRUE(file.ok()) << file.status();
    const elf::Section* section = file->FindSection(".go.buildinfo");
    ASSERT_NE(section, nullptr);
    const size_t found = content_.find("go1.", section->file_offset);
    ASSERT_LT(found, section->file_offset + section->size);
    // The byte before is the length. What follows must stay where it ends, so that a shorter
    // version gets words of a vendor until it is as long.
    const size_t size = static_cast<unsigned char>(content_[found - 1]);
    ASSERT_LE(version.size(), size);
    content_.replace(found, size, (version + " vendor").substr(0, size));
  }

  elf::Section SectionOf(const std::string& name) {
    const auto file = elf::ElfFile::Open(original_.string());
    if (!file.ok() || file->FindSection(name) == nullptr) return {};
    elf::Section section = *file->FindSection(name);
    section.data = {};  // the file is gone
    section.name = {};
    return section;
  }

  void EraseBuildInfo() {
    const elf::Section section = SectionOf(".go.buildinfo");
    ASSERT_NE(section.size, 0u);
    content_.replace(section.file_offset, section.size, section.size, '\0');
  }

  // Writes the version of a program that garble made; the module text moves by a byte.
  void SetUnknownVersion() {
    const elf::Section section = SectionOf(".go.buildinfo");
    ASSERT_NE(section.size, 0u);
    const size_t found = content_.find("go1.", section.file_offset);
    const size_t size = static_cast<unsigned char>(content_[found - 1]);
    ASSERT_GE(size, 7u);
    const std::string rest =
        content_.substr(found + size, section.file_offset + section.size - found - size);
    content_.replace(found - 1, 8, "\x07unknown");
    content_.replace(found + 7, rest.size(), rest);
  }

  // Puts breakpoints over the code of a function.
  void Spoil(const std::string& function) {
    const auto file = elf::ElfFile::Open(original_.string());
    ASSERT_TRUE(file.ok()) << file.status();
    const auto functions = elf::GoFunctions::Read(*file);
    ASSERT_TRUE(functions.ok()) << functions.status();
    for (const elf::GoFunction& found : functions->Find(function)) {
      content_.replace(*file->FileOffset(found.address), found.size, found.size, '\xcc');
    }
  }

  // Leaves no word of the program as it is that begins a function table.
  void SpoilFunctionTable() {
    const elf::Section section = SectionOf(".gopclntab");
    ASSERT_NE(section.size, 0u);
    content_[section.file_offset] = '\x55';
  }

  testing::TempDir directory_;
  std::filesystem::path original_;
  std::string content_;
};

TEST(Resolver, RefusesAProgramThatIsNotGo) {
  const auto profile = ResolvePath("/bin/true");

  EXPECT_EQ(profile.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(profile.status()), "BINARY_NOT_GO");
}

TEST(Resolver, RefusesAGoProgramWithoutNetHttp) {
  const auto targets = testing::AvailableTargets("nohttp");
  if (targets.empty()) GTEST_SKIP() << kNoTargets;

  const auto profile = ResolveTarget(targets.front().path);

  EXPECT_EQ(profile.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(profile.status()), "NET_HTTP_MISSING");
}

TEST(Resolver, HoldsWhatEverySourceSays) {
  const auto targets = testing::AvailableTargets("hello");
  if (targets.empty()) GTEST_SKIP() << kNoTargets;

  for (const testing::TargetProgram& target : targets) {
    const auto profile = ResolveTarget(target.path);
    ASSERT_TRUE(profile.ok()) << profile.status();
    EXPECT_EQ(profile->trust(), Trust::kConsistent) << target.path;
    const FieldOffset& status = profile->fields.at("net/http.response.status");
    std::vector<Evidence> others = {{Source::kTable, status.offset},
                                    {Source::kDisassembly, status.offset}};
    if (target.stripped) others.erase(others.begin());
    EXPECT_EQ(status.source, target.stripped ? Source::kTable : Source::kDwarf) << target.path;
    EXPECT_EQ(status.others, others) << target.path;
  }
}

TEST(Resolver, SaysWhyAServerHasNoClient) {
  const std::filesystem::path stock = testing::HelperProgram("stock");
  if (stock.empty()) GTEST_SKIP() << kNoTargets;

  const auto profile = ResolveTarget(stock);

  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_TRUE(profile->Has(Instrumentation::kHttpServer));
  EXPECT_FALSE(profile->Has(Instrumentation::kHttpClient));
  ASSERT_EQ(profile->absences.size(), 1u);
  EXPECT_EQ(profile->absences[0].instrumentation, Instrumentation::kHttpClient);
  EXPECT_EQ(profile->absences[0].reason, "SYMBOL_NOT_FOUND");
}

TEST(Resolver, SaysWhyAClientHasNoServer) {
  const std::filesystem::path loadgen = testing::HelperProgram("loadgen");
  if (loadgen.empty()) GTEST_SKIP() << kNoTargets;

  const auto profile = ResolveTarget(loadgen);

  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_TRUE(profile->Has(Instrumentation::kHttpClient));
  ASSERT_EQ(profile->absences.size(), 1u);
  EXPECT_EQ(profile->absences[0].instrumentation, Instrumentation::kHttpServer);
  EXPECT_EQ(profile->absences[0].reason, "SYMBOL_NOT_FOUND");
}

TEST_F(SpoiledCopy, IsResolvedWithoutBuildInformation) {
  for (const bool stripped : {false, true}) {
    if (!Take(stripped)) GTEST_SKIP() << kNoTargets;
    const auto original = ResolveTarget(original_);
    ASSERT_TRUE(original.ok()) << original.status();
    EraseBuildInfo();

    const auto profile = ResolveCopy();

    ASSERT_TRUE(profile.ok()) << profile.status();
    EXPECT_EQ(profile->go_version, original->go_version);
    EXPECT_EQ(profile->sites, original->sites);
    EXPECT_EQ(profile->fields, original->fields);
    EXPECT_EQ(profile->main_module, "");
  }
}

TEST_F(SpoiledCopy, IsRefusedWithNeitherBuildInformationNorFunctionTable) {
  if (!Take(true)) GTEST_SKIP() << kNoTargets;
  EraseBuildInfo();
  SpoilFunctionTable();
  const size_t name = content_.find(".gopclntab");
  ASSERT_NE(name, std::string::npos);
  content_[name] = '_';

  EXPECT_EQ(ReasonOf(ResolveCopy().status()), "BINARY_NOT_GO");
}

TEST_F(SpoiledCopy, IsResolvedWhereItsBuildInformationNamesNoVersion) {
  if (!Take(true)) GTEST_SKIP() << kNoTargets;
  const auto original = ResolveTarget(original_);
  ASSERT_TRUE(original.ok()) << original.status();
  SetUnknownVersion();

  const auto profile = ResolveCopy();

  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->go_version, original->go_version);
  EXPECT_EQ(profile->main_module, original->main_module);
}

TEST_F(SpoiledCopy, IsRefusedAsObfuscatedWithoutVersionAndFunctionTable) {
  if (!Take(true)) GTEST_SKIP() << kNoTargets;
  SetUnknownVersion();
  SpoilFunctionTable();

  const auto profile = ResolveCopy();

  EXPECT_EQ(profile.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(profile.status()), "BINARY_OBFUSCATED");
}

TEST_F(SpoiledCopy, IsRefusedWhereItsCodeIsNotOfTheArchitectureItNames) {
  if (!Take(false)) GTEST_SKIP() << kNoTargets;
  content_[kMachineOffset] = kArm64;

  const auto profile = ResolveCopy();

  EXPECT_EQ(profile.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(profile.status()), "SITE_NOT_FOUND");
}

TEST_F(SpoiledCopy, IsRefusedForAGoBeforeTheOldestKnown) {
  if (!Take(false)) GTEST_SKIP() << kNoTargets;
  SetVersion("go1.14.9");

  EXPECT_EQ(ReasonOf(ResolveCopy().status()), "GO_VERSION_UNSUPPORTED");
}

TEST_F(SpoiledCopy, IsRefusedForAVersionThatIsNone) {
  if (!Take(false)) GTEST_SKIP() << kNoTargets;
  SetVersion("gopher");

  EXPECT_EQ(ReasonOf(ResolveCopy().status()), "GO_VERSION_UNSUPPORTED");
}

TEST_F(SpoiledCopy, IsResolvedFromMachineCodeForAnUnknownVersionWithoutDwarf) {
  if (!Take(true)) GTEST_SKIP() << kNoTargets;
  for (const char* version : {"go1.99.1", "go1.26-v"}) {
    SetVersion(version);

    const auto profile = ResolveCopy();

    ASSERT_TRUE(profile.ok()) << profile.status();
    EXPECT_TRUE(profile->Has(Instrumentation::kHttpServer));
    EXPECT_TRUE(profile->Has(Instrumentation::kHttpClient));
    EXPECT_EQ(profile->trust(), Trust::kConsistent);
    for (const auto& [name, field] : profile->fields) {
      EXPECT_EQ(field.source, Source::kDisassembly) << name;
    }
    // Headers are not read: the structs of maps are in no code that is understood.
    EXPECT_FALSE(profile->fields.contains("internal/runtime/maps.Map.dirPtr"));
  }
}

TEST_F(SpoiledCopy, IsRefusedForAnUnknownVersionWhoseCodeIsNotUnderstood) {
  if (!Take(true)) GTEST_SKIP() << kNoTargets;
  SetVersion("go1.99.1");
  Spoil("net/http.(*response).WriteHeader");
  const auto client = ResolveCopy();
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_FALSE(client->Has(Instrumentation::kHttpServer));
  // Nor does code tell of the structs of the runtime.
  ASSERT_EQ(client->absences.size(), 3U);
  for (const Absence& absence : client->absences) EXPECT_EQ(absence.reason, "OFFSETS_UNKNOWN");
  Spoil("net/http.ReadResponse");

  const auto profile = ResolveCopy();

  EXPECT_EQ(profile.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(profile.status()), "OFFSETS_UNKNOWN");
  EXPECT_THAT(MessageOf(profile.status()), ::testing::HasSubstr("net/http.Response.StatusCode"));
  EXPECT_THAT(MessageOf(profile.status()), ::testing::HasSubstr("DWARF_MISSING"));
}

TEST_F(SpoiledCopy, IsResolvedForAnUnknownVersionWithDwarf) {
  if (!Take(false)) GTEST_SKIP() << kNoTargets;
  SetVersion("go1.99.1");

  const auto profile = ResolveCopy();

  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->go_version.substr(0, 8), "go1.99.1");
  EXPECT_TRUE(profile->Has(Instrumentation::kHttpServer));
}

TEST_F(SpoiledCopy, LosesTheServerWhereItsEndIsNotCalled) {
  if (!Take(false)) GTEST_SKIP() << kNoTargets;
  const auto original = ResolveTarget(original_);
  ASSERT_TRUE(original.ok()) << original.status();
  for (const Site& site : original->sites) {
    if (site.kind == SiteKind::kServerEnd) content_.replace(site.file_offset, 5, 5, '\x90');
  }

  const auto profile = ResolveCopy();

  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_FALSE(profile->Has(Instrumentation::kHttpServer));
  EXPECT_TRUE(profile->Has(Instrumentation::kHttpClient));
  ASSERT_EQ(profile->absences.size(), 1u);
  EXPECT_EQ(profile->absences[0].reason, "SITE_NOT_FOUND");
}

TEST_F(SpoiledCopy, IsRefusedWhereNoInstrumentationHasItsSites) {
  if (!Take(false)) GTEST_SKIP() << kNoTargets;
  const auto original = ResolveTarget(original_);
  ASSERT_TRUE(original.ok()) << original.status();
  for (const Site& site : original->sites) {
    if (site.kind == SiteKind::kServerEnd) content_.replace(site.file_offset, 5, 5, '\x90');
    if (site.kind == SiteKind::kClientResult) content_.replace(site.file_offset, 6, 6, '\x90');
  }

  EXPECT_EQ(ReasonOf(ResolveCopy().status()), "SITE_NOT_FOUND");
}

}  // namespace
}  // namespace uprobed::profile
