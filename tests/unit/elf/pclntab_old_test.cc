// The function tables of Go 1.17 and older.

#include <gtest/gtest.h>

#include <random>

#include "server/base/errors.h"
#include "server/elf/pclntab.h"
#include "tests/unit/elf/pclntab_image.h"

namespace uprobed::elf {
namespace {

constexpr uint64_t kOldText = 0x401000;

const std::vector<PclntabEntry>& SomeOldFunctions() {
  static const std::vector<PclntabEntry> functions = {
      {"runtime.main", 0x00}, {"main.main", 0x40}, {"net/http.(*response).finishRequest", 0x60}};
  return functions;
}

class OldPclntab : public ::testing::TestWithParam<uint32_t> {
 protected:
  static std::string Table(uint64_t text_start = kOldText) {
    return MakeOldPclntab(SomeOldFunctions(), 0x100, text_start, GetParam());
  }
  static absl::StatusOr<Pclntab> Parse(const std::string& table) {
    // Absolute entries: a text start has no say.
    return Pclntab::Parse(std::as_bytes(std::span(table)), 0x500000);
  }
  static std::string ReasonOfTable(const std::string& table) {
    const auto parsed = Parse(table);
    return parsed.ok() ? "OK" : ReasonOf(parsed.status());
  }
};

INSTANTIATE_TEST_SUITE_P(Layouts, OldPclntab, ::testing::Values(kMagicGo12, kMagicGo116));

TEST_P(OldPclntab, ListsFunctions) {
  const std::string bytes = Table();
  const auto table = Parse(bytes);
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ(table->count(), 3U);
  EXPECT_EQ(table->text_start(), 0U);
  for (uint64_t i = 0; i < 3; ++i) {
    const auto function = table->At(i);
    ASSERT_TRUE(function.has_value()) << i;
    EXPECT_EQ(function->name, SomeOldFunctions()[i].name);
    EXPECT_EQ(function->address, kOldText + SomeOldFunctions()[i].offset);
  }
  EXPECT_EQ(table->At(0)->size, 0x40U);
  EXPECT_EQ(table->At(2)->size, 0xa0U);
  EXPECT_FALSE(table->At(3).has_value());
  EXPECT_FALSE(table->At(UINT64_MAX).has_value());
}

TEST_P(OldPclntab, SaysWhatFunctionsHaveOnTheStack) {
  constexpr uint32_t kUnknown = 0x80000000;  // runtime/funcdata.h, ArgsSizeUnknown
  const std::string bytes =
      MakeOldPclntab({{"a", 0x00, 40}, {"b", 0x40, kUnknown}}, 0x100, kOldText, GetParam());
  const auto table = Parse(bytes);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->At(0)->stack_bytes, 40U);
  EXPECT_EQ(table->At(1)->stack_bytes, std::nullopt);
}

TEST_P(OldPclntab, FindsFunctionsByTheirEntryOnly) {
  const std::string bytes = Table();
  const auto table = Parse(bytes);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->AtEntry(kOldText + 0x40)->name, "main.main");
  EXPECT_FALSE(table->AtEntry(kOldText + 0x41).has_value());
  EXPECT_FALSE(table->AtEntry(kOldText - 1).has_value());
  EXPECT_FALSE(table->AtEntry(kOldText + 0x100).has_value());
  EXPECT_FALSE(table->AtEntry(UINT64_MAX).has_value());
}

TEST_P(OldPclntab, KnowsItsReleases) {
  const auto table = Parse(Table());
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->releases().last, GetParam() == kMagicGo12 ? 15 : 17);
}

TEST_P(OldPclntab, RefusesACountThatDoesNotFit) {
  for (const uint64_t count : {uint64_t{0}, uint64_t{1000}, uint64_t{1} << 60, UINT64_MAX}) {
    std::string table = Table();
    Patch(table, kPclntabCount, count);
    EXPECT_EQ(ReasonOfTable(table), "PCLNTAB_MALFORMED") << count;
  }
}

TEST_P(OldPclntab, RefusesA32BitHeader) {
  std::string table = Table();
  Patch(table, kPclntabPointerSize, uint8_t{4});
  EXPECT_EQ(ReasonOfTable(table), "PCLNTAB_MALFORMED");
}

TEST(OldPclntabHeader, RefusesPartsOutsideOfTheTable) {
  const std::string good = MakeOldPclntab(SomeOldFunctions(), 0x100, kOldText, kMagicGo116);
  for (const size_t field : {24U, 56U}) {
    for (const uint64_t lie : {uint64_t{good.size() + 1}, UINT64_MAX}) {
      std::string table = good;
      Patch(table, field, lie);
      const auto parsed = Pclntab::Parse(std::as_bytes(std::span(table)), 0);
      EXPECT_EQ(ReasonOf(parsed.status()), "PCLNTAB_MALFORMED") << field;
    }
  }
}

TEST_P(OldPclntab, SkipsFunctionsWhoseRecordOrNameIsOutside) {
  const std::string good = Table();
  const uint64_t functab = OldFunctab(good);
  for (const uint64_t lie : {uint64_t{good.size()}, uint64_t{1} << 32, UINT64_MAX}) {
    std::string record_outside = good;
    Patch(record_outside, functab + 8, lie);
    const auto table = Parse(record_outside);
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_FALSE(table->At(0).has_value());
    EXPECT_TRUE(table->At(1).has_value());
  }
  std::string name_outside = good;
  const uint64_t first_record = functab + 3 * 16 + 8;
  Patch(name_outside, first_record + 8, UINT32_MAX);
  const auto table = Parse(name_outside);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_FALSE(table->At(0).has_value());
  EXPECT_TRUE(table->At(1).has_value());
}

TEST_P(OldPclntab, NeverReadsBeyondATruncatedTable) {
  const std::string good = Table();
  for (size_t size = 0; size < good.size(); ++size) {
    // A copy of its own, so that AddressSanitizer sees a read behind its end.
    const std::vector<char> cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
    const auto table = Pclntab::Parse(std::as_bytes(std::span(cut)), 0);
    if (!table.ok()) continue;
    for (uint64_t i = 0; i < table->count(); ++i) static_cast<void>(table->At(i));
    static_cast<void>(table->AtEntry(kOldText + 0x40));
  }
}

TEST_P(OldPclntab, SurvivesDamage) {
  const std::string good = Table();
  std::mt19937 random(1);  // the same damage in every run
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto table = Parse(bytes);
    if (!table.ok()) continue;
    for (uint64_t i = 0; i < table->count(); ++i) {
      const auto function = table->At(i);
      if (function) static_cast<void>(table->AtEntry(function->address));
    }
  }
}

TEST_P(OldPclntab, IsFoundInAProgram) {
  ElfImage image;
  const uint64_t text = image.Add(".text", std::string(0x100, '\x90'));
  image.Add(".gopclntab", Table(text));
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto table = Pclntab::Find(*file);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->AtEntry(text + 0x40)->name, "main.main");
}

TEST_P(OldPclntab, RefusesEntriesOutsideOfTheFile) {
  ElfImage image;
  image.Add(".gopclntab", Table(uint64_t{1} << 40));
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReasonOf(Pclntab::Find(*file).status()), "PCLNTAB_MALFORMED");
}

// A position-independent program: all absolute entries are zero in the file, and relocated.
TEST_P(OldPclntab, IsRelocatedInAPositionIndependentProgram) {
  for (const char* relocations_name : {".rela", ".rela.dyn"}) {
    ElfImage image;
    image.type = ET_DYN;
    const uint64_t text = image.Add(".text", std::string(0x100, '\x90'));
    std::string bytes = Table(text);
    const uint64_t functab = OldFunctab(bytes);
    for (uint64_t i = 0; i <= 3; ++i) Patch(bytes, functab + i * 16, uint64_t{0});
    const uint64_t address = image.Add(".data.rel.ro.gopclntab", bytes);
    std::string relocations;
    const std::vector<uint32_t> offsets = {0x00, 0x40, 0x60, 0x100};
    for (uint64_t i = 0; i <= 3; ++i) {
      Append(relocations, Elf64_Rela{.r_offset = address + functab + i * 16,
                                     .r_info = ELF64_R_INFO(0, R_X86_64_RELATIVE),
                                     .r_addend = static_cast<Elf64_Sxword>(text + offsets[i])});
    }
    // Reaching over the end of the table: no place to write to.
    Append(relocations, Elf64_Rela{.r_offset = address + functab + 3 * 16 + 1,
                                   .r_info = ELF64_R_INFO(0, R_X86_64_RELATIVE),
                                   .r_addend = -1});
    image.Add(relocations_name, relocations);
    const auto file = image.Open();
    ASSERT_TRUE(file.ok()) << file.status();
    const auto found = Pclntab::Find(*file);
    ASSERT_TRUE(found.ok()) << found.status();
    const Pclntab table = *found;  // a copy has the relocated entries, too
    EXPECT_EQ(table.AtEntry(text + 0x40)->name, "main.main");
    EXPECT_EQ(table.At(2)->address, text + 0x60);
    EXPECT_EQ(table.At(2)->size, 0xa0U);
  }
}

TEST_P(OldPclntab, IsRefusedWhereItsRelocationsAreMissing) {
  ElfImage image;
  image.type = ET_DYN;
  const uint64_t text = image.Add(".text", std::string(0x100, '\x90'));
  std::string bytes = Table(text);
  const uint64_t functab = OldFunctab(bytes);
  for (uint64_t i = 0; i <= 3; ++i) Patch(bytes, functab + i * 16, uint64_t{0});
  image.Add(".data.rel.ro.gopclntab", bytes);
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReasonOf(Pclntab::Find(*file).status()), "PCLNTAB_MALFORMED");
}

// Relocations without addend (RELR) leave the linked value in the file.
TEST_P(OldPclntab, IsReadInPlaceWhereItsRelocationsHaveNoAddend) {
  ElfImage image;
  image.type = ET_DYN;
  const uint64_t text = image.Add(".text", std::string(0x100, '\x90'));
  image.Add(".data.rel.ro.gopclntab", Table(text));
  image.Add(".relr.dyn", std::string(16, '\1'));
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto table = Pclntab::Find(*file);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->AtEntry(text + 0x40)->name, "main.main");
}

}  // namespace
}  // namespace uprobed::elf
