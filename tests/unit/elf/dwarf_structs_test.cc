#include "server/elf/dwarf_structs.h"

#include <dwarf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <iterator>
#include <random>

#include "server/base/errors.h"
#include "tests/support/targets.h"
#include "tests/unit/elf/elf_image.h"

namespace uprobed::elf {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using ::uprobed::testing::AvailableTargets;
using ::uprobed::testing::TargetProgram;

// The builds with DWARF, or those without.
std::vector<TargetProgram> Targets(bool stripped) {
  std::vector<TargetProgram> targets = AvailableTargets("hello");
  std::erase_if(targets, [stripped](const TargetProgram& t) { return t.stripped != stripped; });
  return targets;
}

absl::StatusOr<std::map<std::string, uint32_t>> Read(const std::string& path,
                                                     const std::vector<StructMember>& members) {
  const auto file = ElfFile::Open(path);
  if (!file.ok()) return file.status();
  return ReadStructOffsets(*file, members);
}

TEST(DwarfStructs, KnowsTheMembersOfEachPackage) {
  const auto targets = Targets(false);
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  for (const auto& target : targets) {
    SCOPED_TRACE(target.path);
    const auto offsets = Read(target.path, {{"net/http.Request", "Method"},
                                            {"net/http.Request", "URL"},
                                            {"net/http.Request", "RemoteAddr"},
                                            {"net/url.URL", "Path"},
                                            {"runtime.moduledata", "pclntable"}});
    ASSERT_TRUE(offsets.ok()) << offsets.status();
    // Go 1.16 put six slices before it.
    const uint32_t pclntable = target.go_version < "go1.16" ? 0 : 104;
    EXPECT_THAT(
        *offsets,
        UnorderedElementsAre(Pair("net/http.Request.Method", 0), Pair("net/http.Request.URL", 16),
                             Pair("net/http.Request.RemoteAddr", 176), Pair("net/url.URL.Path", 56),
                             Pair("runtime.moduledata.pclntable", pclntable)));
  }
}

TEST(DwarfStructs, FollowsMembersByValue) {
  const auto targets = Targets(false);
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  for (const auto& target : targets) {
    SCOPED_TRACE(target.path);
    const auto offsets = Read(
        target.path, {{"runtime.g", "sched"}, {"runtime.g", "sched.pc"}, {"runtime.gobuf", "pc"}});
    ASSERT_TRUE(offsets.ok()) << offsets.status();
    EXPECT_EQ(offsets->at("runtime.g.sched.pc"),
              offsets->at("runtime.g.sched") + offsets->at("runtime.gobuf.pc"));
    EXPECT_GT(offsets->at("runtime.gobuf.pc"), 0U);
  }
}

TEST(DwarfStructs, LeavesOutWhatIsNotThere) {
  const auto targets = Targets(false);
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  const auto offsets = Read(targets.back().path, {{"net/http.Request", "Nothing"},
                                                  {"net/http.Request", "Method.ptr.x"},
                                                  {"net/http.Request", "URL.Host"},  // a pointer
                                                  {"net/http.Request", ""},
                                                  {"net/http.Nothing", "Method"},
                                                  {"example.com/nowhere.Type", "field"},
                                                  {"", ""}});
  ASSERT_TRUE(offsets.ok()) << offsets.status();
  EXPECT_THAT(*offsets, IsEmpty());
}

TEST(DwarfStructs, FollowsTheMapOfTheRelease) {
  const auto targets = Targets(false);
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  for (const auto& target : targets) {
    SCOPED_TRACE(target.path);
    const auto offsets = Read(
        target.path, {{"runtime.hmap", "buckets"}, {"internal/runtime/maps.table", "groups.data"}});
    ASSERT_TRUE(offsets.ok()) << offsets.status();
    // A release has the old map or, since Go 1.24, the new one.
    EXPECT_EQ(offsets->size(), 1U);
  }
}

TEST(DwarfStructs, IsMissingInStrippedPrograms) {
  const auto file = ElfImage().Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReasonOf(ReadStructOffsets(*file, {{"a.b", "c"}}).status()), "DWARF_MISSING");
  for (const auto& target : Targets(true)) {
    EXPECT_EQ(ReasonOf(Read(target.path, {{"runtime.g", "goid"}}).status()), "DWARF_MISSING");
  }
}

TEST(DwarfStructs, RefusesGarbage) {
  std::mt19937 random(1);  // the same garbage in every run
  std::string garbage(4096, '\0');
  for (char& c : garbage) c = static_cast<char>(random());
  ElfImage image;
  image.Add(".debug_info", garbage);
  image.Add(".debug_abbrev", garbage);
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReasonOf(ReadStructOffsets(*file, {{"a.b", "c"}}).status()), "DWARF_MALFORMED");
}

TEST(DwarfStructs, RefusesUnitsWithoutTheirAbbreviations) {
  ElfImage image;
  std::string unit;
  Append(unit, uint32_t{100});  // length: more than there is
  Append(unit, uint16_t{4});
  Append(unit, uint32_t{0});
  Append(unit, uint8_t{8});
  image.Add(".debug_info", unit);
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReasonOf(ReadStructOffsets(*file, {{"a.b", "c"}}).status()), "DWARF_MALFORMED");
}

// A unit "a" with a function, in it a base type, and behind it the struct "a.S" with the member "m"
// at offset 24. `sibling` gives the base type a DW_AT_sibling, which points to itself.
ElfImage UnitWithAStruct(bool sibling) {
  std::string abbreviations;
  const auto add = [&abbreviations](uint8_t code, uint8_t tag, uint8_t children,
                                    const std::vector<std::pair<uint8_t, uint8_t>>& attributes) {
    Append(abbreviations, std::array{code, tag, children});
    for (const auto& [name, form] : attributes) Append(abbreviations, std::array{name, form});
    Append(abbreviations, uint16_t{0});
  };
  add(1, DW_TAG_compile_unit, 1, {{DW_AT_name, DW_FORM_string}});
  add(2, DW_TAG_subprogram, 1, {});
  add(3, DW_TAG_base_type, 0, {{sibling ? DW_AT_sibling : DW_AT_type, DW_FORM_ref4}});
  add(4, DW_TAG_structure_type, 1, {{DW_AT_name, DW_FORM_string}});
  add(5, DW_TAG_member, 0,
      {{DW_AT_name, DW_FORM_string}, {DW_AT_data_member_location, DW_FORM_data1}});
  Append(abbreviations, uint8_t{0});

  std::string unit;
  Append(unit, uint32_t{0});  // length, set below
  Append(unit, uint16_t{4});
  Append(unit, uint32_t{0});
  Append(unit, uint8_t{8});
  unit += std::string("\1a\0\2", 4);
  const auto base_type = static_cast<uint32_t>(unit.size());
  unit += '\3';
  Append(unit, base_type);
  unit += std::string("\0\4a.S\0\5m\0\x18\0\0", 12);
  Patch(unit, 0, static_cast<uint32_t>(unit.size() - sizeof(uint32_t)));
  ElfImage image;
  image.Add(".debug_abbrev", abbreviations);
  image.Add(".debug_info", unit);
  return image;
}

TEST(DwarfStructs, AreReadFromAUnit) {
  const auto file = UnitWithAStruct(false).Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto offsets = ReadStructOffsets(*file, {{"a.S", "m"}});
  ASSERT_TRUE(offsets.ok()) << offsets.status();
  EXPECT_THAT(*offsets, UnorderedElementsAre(Pair("a.S.m", 24)));
}

// A unit that only says which file its entries are in.
TEST(DwarfStructs, RefusesUnitsInFilesOfTheirOwn) {
  for (const uint16_t version : {uint16_t{4}, uint16_t{5}}) {
    std::string abbreviations("\1\x11\0", 3);  // DW_TAG_compile_unit without children
    if (version == 4) {
      abbreviations += "\xb0\x42";  // DW_AT_GNU_dwo_name, in ULEB128
    } else {
      abbreviations[1] = DW_TAG_skeleton_unit;
      abbreviations += static_cast<char>(DW_AT_dwo_name);
    }
    abbreviations += std::string("\x08\0\0\0", 4);  // DW_FORM_string
    std::string unit;
    Append(unit, uint32_t{0});  // length, set below
    Append(unit, version);
    if (version == 5) Append(unit, std::array<uint8_t, 2>{DW_UT_skeleton, 8});
    Append(unit, uint32_t{0});  // of the abbreviations
    if (version == 4) Append(unit, uint8_t{8});
    if (version == 5) Append(unit, uint64_t{1});  // the id of the other file's unit
    unit += std::string("\1a.dwo\0", 7);
    Patch(unit, 0, static_cast<uint32_t>(unit.size() - sizeof(uint32_t)));
    ElfImage image;
    image.Add(".debug_abbrev", abbreviations);
    image.Add(".debug_info", unit);
    const auto file = image.Open();
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(ReasonOf(ReadStructOffsets(*file, {{"a.S", "m"}}).status()), "DWARF_SPLIT")
        << version;
  }
}

TEST(DwarfStructs, RefusesSiblingsInACircle) {
  const auto file = UnitWithAStruct(true).Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReasonOf(ReadStructOffsets(*file, {{"a.S", "m"}}).status()), "DWARF_MALFORMED");
}

TEST(DwarfStructs, RefusesSectionsThatGrowTooLarge) {
  // Whichever way libdw takes it, and whichever it tries first.
  for (const auto& [name, flags] : {std::pair(".debug_info", uint64_t{SHF_COMPRESSED}),
                                    std::pair(".zdebug_info", uint64_t{SHF_COMPRESSED}),
                                    std::pair(".zdebug_info", uint64_t{0})}) {
    ElfImage image;
    std::string content;
    if (flags != 0) {
      Append(content, Elf64_Chdr{.ch_type = ELFCOMPRESS_ZLIB,
                                 .ch_reserved = 0,
                                 .ch_size = uint64_t{1} << 40,
                                 .ch_addralign = 1});
    } else {
      content = std::string("ZLIB\0\0\1\0\0\0\0\0", 12);
    }
    image.Add(name, content);
    std::string bytes = image.Build();
    Patch(bytes, ElfImage::SectionHeader(bytes, 1) + offsetof(Elf64_Shdr, sh_flags), flags);
    const auto file = ElfImage::OpenBytes(bytes);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(ReasonOf(ReadStructOffsets(*file, {{"a.b", "c"}}).status()), "DWARF_TOO_LARGE");
  }
}

// libelf copies each of them.
TEST(DwarfStructs, AreNotReadFromSectionsThatOverlapManyTimes) {
  ElfImage image;
  image.Add(".debug_info", std::string(1 << 20, '\0'));
  constexpr size_t kSections = 200;
  for (size_t i = 1; i < kSections; ++i) image.Add(".debug_line", "x");
  std::string bytes = image.Build();
  Elf64_Shdr first;
  std::memcpy(&first, bytes.data() + ElfImage::SectionHeader(bytes, 1), sizeof(first));
  for (size_t i = 2; i <= kSections; ++i) {
    const size_t header = ElfImage::SectionHeader(bytes, i);
    Patch(bytes, header + offsetof(Elf64_Shdr, sh_offset), first.sh_offset);
    Patch(bytes, header + offsetof(Elf64_Shdr, sh_size), first.sh_size);
  }
  const auto file = ElfImage::OpenBytes(bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReasonOf(ReadStructOffsets(*file, {{"a.b", "c"}}).status()), "DWARF_TOO_LARGE");
}

TEST(DwarfStructs, RefusesDamagedCompression) {
  const auto targets = Targets(false);
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  const std::string path = targets.back().path;
  std::ifstream stream(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  const auto good = ElfImage::OpenBytes(bytes);
  ASSERT_TRUE(good.ok()) << good.status();
  const Section* info = good->FindSection(".debug_info");
  ASSERT_NE(info, nullptr);
  for (uint64_t i = 64; i < info->size; ++i) bytes[info->file_offset + i] ^= 0x55;
  const auto bad = ElfImage::OpenBytes(bytes);
  ASSERT_TRUE(bad.ok()) << bad.status();
  EXPECT_EQ(ReasonOf(ReadStructOffsets(*bad, {{"runtime.g", "goid"}}).status()), "DWARF_MALFORMED");
}

// Reading decompresses sections in place of libelf's; the content must stay as it is on disk.
TEST(DwarfStructs, ChangesNothingInTheFile) {
  const auto targets = Targets(false);
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  const auto file = ElfFile::Open(targets.back().path);
  ASSERT_TRUE(file.ok()) << file.status();
  const std::vector<std::byte> before(file->bytes().begin(), file->bytes().end());
  for (int i = 0; i < 2; ++i) {
    const auto offsets = ReadStructOffsets(*file, {{"runtime.g", "goid"}});
    ASSERT_TRUE(offsets.ok()) << offsets.status();
    EXPECT_THAT(*offsets, Contains(Key("runtime.g.goid")));
  }
  EXPECT_TRUE(std::equal(before.begin(), before.end(), file->bytes().begin()));
}

}  // namespace
}  // namespace uprobed::elf
