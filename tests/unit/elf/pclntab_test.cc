#include "server/elf/pclntab.h"

#include <gtest/gtest.h>

#include <random>

#include "server/base/errors.h"
#include "tests/support/targets.h"
#include "tests/unit/elf/pclntab_image.h"

namespace uprobed::elf {
namespace {

constexpr uint64_t kText = 0x401000;

const std::vector<PclntabEntry>& SomeFunctions() {
  static const std::vector<PclntabEntry> functions = {
      {"runtime.main", 0x00}, {"main.main", 0x40}, {"net/http.(*response).finishRequest", 0x60}};
  return functions;
}

std::string SomeTable() { return MakePclntab(SomeFunctions(), 0x100, kText); }

absl::StatusOr<Pclntab> Parse(const std::string& table, uint64_t text_start = 0) {
  return Pclntab::Parse(std::as_bytes(std::span(table)), text_start);
}

std::string ReasonOfTable(const std::string& table) {
  const auto parsed = Parse(table);
  return parsed.ok() ? "OK" : ReasonOf(parsed.status());
}

TEST(Pclntab, ListsFunctionsOfBothLayouts) {
  for (const uint32_t magic : {0xfffffff0U, 0xfffffff1U}) {
    const std::string bytes = MakePclntab(SomeFunctions(), 0x100, kText, magic);
    const auto table = Parse(bytes);
    ASSERT_TRUE(table.ok()) << table.status();
    ASSERT_EQ(table->count(), 3U);
    const auto last = table->At(2);
    ASSERT_TRUE(last.has_value());
    EXPECT_EQ(last->name, "net/http.(*response).finishRequest");
    EXPECT_EQ(last->address, kText + 0x60);
    EXPECT_EQ(last->size, 0xa0U);
    EXPECT_FALSE(table->At(3).has_value());
    EXPECT_FALSE(table->At(UINT64_MAX).has_value());
  }
}

TEST(Pclntab, FindsFunctionsByTheirEntryOnly) {
  const std::string bytes = SomeTable();
  const auto table = Parse(bytes);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->AtEntry(kText)->name, "runtime.main");
  EXPECT_EQ(table->AtEntry(kText + 0x40)->name, "main.main");
  EXPECT_FALSE(table->AtEntry(kText + 0x41).has_value());
  EXPECT_FALSE(table->AtEntry(kText - 1).has_value());
  EXPECT_FALSE(table->AtEntry(kText + 0x100).has_value());
  EXPECT_FALSE(table->AtEntry(kText + (uint64_t{1} << 32)).has_value());
  EXPECT_FALSE(table->AtEntry(UINT64_MAX).has_value());
}

TEST(Pclntab, TakesTheGivenTextStartWhereItsHeaderHasNone) {
  const std::string bytes = MakePclntab(SomeFunctions(), 0x100, 0);
  const auto table = Parse(bytes, 0x500000);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->At(1)->address, 0x500040U);
}

TEST(Pclntab, RefusesOtherVersions) {
  const std::vector<PclntabEntry> functions = SomeFunctions();
  for (const uint32_t magic : {0xfffffffcU, 0xfffffff2U, 0U}) {
    EXPECT_EQ(ReasonOfTable(MakePclntab(functions, 0x100, kText, magic)),
              "PCLNTAB_VERSION_UNSUPPORTED");
  }
}

TEST(Pclntab, RefusesADamagedHeader) {
  EXPECT_EQ(ReasonOfTable(""), "PCLNTAB_MALFORMED");
  EXPECT_EQ(ReasonOfTable(SomeTable().substr(0, kPclntabHeaderSize - 1)), "PCLNTAB_MALFORMED");
  std::string table = SomeTable();
  Patch(table, kPclntabPointerSize, uint8_t{4});
  EXPECT_EQ(ReasonOfTable(table), "PCLNTAB_MALFORMED");
  for (const size_t field : {kPclntabNames, kPclntabFunctions}) {
    table = SomeTable();
    Patch(table, field, uint64_t{table.size() + 1});
    EXPECT_EQ(ReasonOfTable(table), "PCLNTAB_MALFORMED");
    Patch(table, field, UINT64_MAX);
    EXPECT_EQ(ReasonOfTable(table), "PCLNTAB_MALFORMED");
  }
}

TEST(Pclntab, RefusesACountThatDoesNotFit) {
  for (const uint64_t count : {uint64_t{0}, uint64_t{1000}, uint64_t{1} << 61, UINT64_MAX}) {
    std::string table = SomeTable();
    Patch(table, kPclntabCount, count);
    EXPECT_EQ(ReasonOfTable(table), "PCLNTAB_MALFORMED") << count;
  }
}

TEST(Pclntab, SkipsFunctionsWhoseRecordOrNameIsOutside) {
  const std::string good = SomeTable();
  uint64_t functab = 0;
  std::memcpy(&functab, good.data() + kPclntabFunctions, sizeof(functab));

  std::string record_outside = good;
  Patch(record_outside, functab + 4, UINT32_MAX);
  const auto first = Parse(record_outside);
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(first->At(0).has_value());
  EXPECT_TRUE(first->At(1).has_value());

  std::string name_outside = good;
  Patch(name_outside, functab + 3 * 8 + 4 + 4, UINT32_MAX);
  const auto second = Parse(name_outside);
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(second->At(0).has_value());
  EXPECT_TRUE(second->At(1).has_value());
}

TEST(Pclntab, SkipsFunctionsThatEndBeforeTheyBegin) {
  const std::string bytes = MakePclntab({{"a", 0x40}, {"b", 0x20}, {"c", 0x60}}, 0x80, kText);
  const auto table = Parse(bytes);
  ASSERT_TRUE(table.ok());
  EXPECT_FALSE(table->At(0).has_value());
  EXPECT_TRUE(table->At(1).has_value());
}

TEST(Pclntab, NeverReadsBeyondATruncatedTable) {
  const std::string good = SomeTable();
  for (size_t size = 0; size < good.size(); ++size) {
    // A copy of its own, so that AddressSanitizer sees a read behind its end.
    const std::vector<char> cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
    const auto table = Pclntab::Parse(std::as_bytes(std::span(cut)), 0);
    if (!table.ok()) continue;
    for (uint64_t i = 0; i < table->count(); ++i) static_cast<void>(table->At(i));
    EXPECT_FALSE(table->At(2).has_value()) << size;
  }
}

std::string ReasonOfImage(const ElfImage& image) {
  const auto file = image.Open();
  EXPECT_TRUE(file.ok()) << file.status();
  const auto table = Pclntab::Find(*file);
  return table.ok() ? "OK" : ReasonOf(table.status());
}

TEST(Pclntab, IsFoundUnderEachName) {
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab"}) {
    ElfImage image;
    const uint64_t text = image.Add(".text", std::string(0x100, '\x90'));
    image.Add(name, MakePclntab(SomeFunctions(), 0x100, text));
    EXPECT_EQ(ReasonOfImage(image), "OK") << name;
  }
}

TEST(Pclntab, IsFoundInsideOfRelocatedData) {
  ElfImage image;
  const uint64_t text = image.Add(".text", std::string(0x100, '\x90'));
  image.Add(".data.rel.ro", std::string(64, '\0') + MakePclntab(SomeFunctions(), 0x100, text));
  EXPECT_EQ(ReasonOfImage(image), "OK");
}

TEST(Pclntab, IsMissingWhereThereIsNone) {
  ElfImage image;
  image.Add(".data.rel.ro", std::string(1024, '\xff'));
  EXPECT_EQ(ReasonOfImage(image), "PCLNTAB_MISSING");
}

TEST(Pclntab, RefusesATextStartOutsideOfTheFile) {
  ElfImage image;
  image.Add(".gopclntab", MakePclntab(SomeFunctions(), 0x100, uint64_t{1} << 40));
  EXPECT_EQ(ReasonOfImage(image), "PCLNTAB_MALFORMED");
}

TEST(Pclntab, IsFoundByItsFirstBytesWhereNoSectionIsCalledSo) {
  for (const uint32_t magic : {kMagicGo12, kMagicGo116, kMagicGo120}) {
    ElfImage image;
    const uint64_t text = image.Add(".text", std::string(0x100, '\x90'));
    // What only begins like a table must not hide the table.
    image.Add(".decoy", SomeTable().substr(0, 8) + std::string(64, '\0'));
    image.Add(".renamed", magic == kMagicGo120
                              ? MakePclntab(SomeFunctions(), 0x100, text)
                              : MakeOldPclntab(SomeFunctions(), 0x100, text, magic));
    EXPECT_EQ(ReasonOfImage(image), "OK") << magic;
  }
}

// Each look at one may cost the time of reading the whole file.
TEST(Pclntab, IsNotLookedForBehindManyThatOnlyBeginLikeIt) {
  const std::string decoy = SomeTable().substr(0, 8) + std::string(64, '\0');
  for (const size_t decoys : {10U, 100U}) {
    ElfImage image;
    const uint64_t text = image.Add(".text", std::string(0x100, '\x90'));
    for (size_t i = 0; i < decoys; ++i) image.Add(".decoy", decoy);
    image.Add(".renamed", MakePclntab(SomeFunctions(), 0x100, text));
    EXPECT_EQ(ReasonOfImage(image), decoys == 10 ? "OK" : "PCLNTAB_MALFORMED") << decoys;
  }
}

// The moduledata of Go 1.26 for a table of SomeFunctions.
std::string Module(uint64_t table_address, uint64_t text) {
  std::string module(400, '\0');
  Patch(module, 0, table_address);
  Patch(module, 160, text);          // minpc
  Patch(module, 168, text + 0x100);  // maxpc
  Patch(module, 176, text);
  return module;
}

// Not the start of .text, where a cgo program has the code of C first.
constexpr uint64_t kCodeOfC = 0x20;

TEST(Pclntab, TakesTheTextStartFromTheModule) {
  // The module has a section of its own, or is one of the variables.
  for (const char* name : {".go.module", ".noptrdata"}) {
    ElfImage image;
    image.load_flags = PF_R | PF_W;
    const uint64_t text = kCodeOfC + image.Add(".text", std::string(0x200, '\x90'));
    const uint64_t table_address = image.Add(".gopclntab", MakePclntab(SomeFunctions(), 0x100, 0));
    image.Add(".decoy", std::string(reinterpret_cast<const char*>(&table_address), 8));
    image.Add(name, Module(table_address, text));
    const auto file = image.Open();
    ASSERT_TRUE(file.ok()) << file.status();
    const auto table = Pclntab::Find(*file);
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ(table->text_start(), text);
  }
}

TEST(Pclntab, RefusesTheModuleOfAnotherTable) {
  for (const size_t field : {0U, 160U, 168U, 176U}) {
    ElfImage image;
    const uint64_t text = image.Add(".text", std::string(0x200, '\x90'));
    const uint64_t table_address = image.Add(".gopclntab", MakePclntab(SomeFunctions(), 0x100, 0));
    std::string module = Module(table_address, text);
    Patch(module, field, text + 8);
    image.Add(".go.module", module);
    EXPECT_EQ(ReasonOfImage(image), "PCLNTAB_MALFORMED") << field;
  }
}

TEST(Pclntab, TakesTheTextStartFromARelocation) {
  ElfImage image;
  image.type = ET_DYN;
  const uint64_t text = image.Add(".text", std::string(0x100, '\x90'));
  const uint64_t table_address = image.Add(".gopclntab", MakePclntab(SomeFunctions(), 0x100, 0));
  std::string relocations;
  Append(relocations, Elf64_Rela{.r_offset = table_address + kPclntabTextStart,
                                 .r_info = ELF64_R_INFO(0, R_X86_64_RELATIVE),
                                 .r_addend = static_cast<Elf64_Sxword>(text)});
  image.Add(".rela.dyn", relocations + "odd end");
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto table = Pclntab::Find(*file);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->text_start(), text);
}

TEST(Pclntab, RefusesAnUnknownTextStart) {
  ElfImage image;
  image.Add(".gopclntab", MakePclntab(SomeFunctions(), 0x100, 0));
  EXPECT_EQ(ReasonOfImage(image), "PCLNTAB_MALFORMED");
}

TEST(Pclntab, SurvivesDamage) {
  const std::string good = SomeTable();
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

}  // namespace
}  // namespace uprobed::elf
