#include "server/elf/go_functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "server/base/errors.h"
#include "server/elf/pclntab.h"
#include "tests/support/targets.h"
#include "tests/unit/elf/pclntab_image.h"

namespace uprobed::elf {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::uprobed::testing::AvailableTargets;

struct Symbol {
  std::string name;
  uint64_t address;
  uint64_t size;
  unsigned char type = STT_FUNC;
  uint16_t section = 1;
};

void AddSymbols(ElfImage& image, const std::vector<Symbol>& symbols) {
  std::string names(1, '\0');
  std::string table;
  for (const Symbol& symbol : symbols) {
    Append(table,
           Elf64_Sym{.st_name = static_cast<Elf64_Word>(names.size()),
                     .st_info = static_cast<unsigned char>(ELF64_ST_INFO(STB_GLOBAL, symbol.type)),
                     .st_other = 0,
                     .st_shndx = symbol.section,
                     .st_value = symbol.address,
                     .st_size = symbol.size});
    names += symbol.name + '\0';
  }
  // Of the type PROGBITS, for libelf wants a section link in a table of symbols.
  image.Add(".symtab", table);
  image.Add(".strtab", names);
}

TEST(GoFunctions, AreReadFromTheSymbolTable) {
  ElfImage image;
  AddSymbols(image, {{"runtime.text", 0x1000, 0},
                     {"runtime.main", 0x1000, 0x20},
                     {"main.main", 0x2000, 0x30},
                     {"main.variable", 0x2000, 8, STT_OBJECT},
                     {"imported", 0, 0, STT_FUNC, SHN_UNDEF}});
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto functions = GoFunctions::Read(*file);
  ASSERT_TRUE(functions.ok()) << functions.status();
  EXPECT_TRUE(functions->from_symtab());
  const auto found = functions->Find("main.main");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].address, 0x2000U);
  EXPECT_EQ(found[0].size, 0x30U);
  EXPECT_THAT(functions->Find("main.variable"), IsEmpty());
  EXPECT_THAT(functions->Find("imported"), IsEmpty());
  EXPECT_THAT(functions->Find("main"), IsEmpty());
  // Not runtime.text, a mark without size at the same address.
  EXPECT_EQ(functions->NameAtEntry(0x1000), "runtime.main");
  EXPECT_EQ(functions->NameAtEntry(0x1001), std::nullopt);
}

TEST(GoFunctions, AreReadFromTheFunctionTableWithoutSymbols) {
  ElfImage image;
  const uint64_t text = image.Add(".text", std::string(0x100, '\x90'));
  image.Add(".gopclntab", MakePclntab({{"a", 0}, {"twice", 0x10}, {"twice", 0x20}}, 0x80, text));
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto functions = GoFunctions::Read(*file);
  ASSERT_TRUE(functions.ok()) << functions.status();
  EXPECT_FALSE(functions->from_symtab());
  EXPECT_EQ(functions->NameAtEntry(text), "a");
  EXPECT_EQ(functions->NameAtEntry(text + 1), std::nullopt);
  // The largest first: the wrapper of another calling convention is small.
  const auto found = functions->Find("twice");
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].address, text + 0x20);
  EXPECT_EQ(found[0].size, 0x60U);
}

TEST(GoFunctions, AreNotTakenFromSymbolsWithoutTheGoRuntime) {
  ElfImage image;
  const uint64_t text = image.Add(".text", std::string(0x100, '\x90'));
  AddSymbols(image, {{"_start", text, 0x20}});
  image.Add(".gopclntab", MakePclntab({{"main.main", 0}}, 0x80, text));
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto functions = GoFunctions::Read(*file);
  ASSERT_TRUE(functions.ok()) << functions.status();
  EXPECT_FALSE(functions->from_symtab());
  EXPECT_THAT(functions->Find("main.main"), SizeIs(1));
}

TEST(GoFunctions, FindAllKeepsTheOrderOfTheNames) {
  ElfImage image;
  AddSymbols(image, {{"runtime.a", 0x1000, 1}, {"runtime.b", 0x2000, 1}});
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto functions = GoFunctions::Read(*file);
  ASSERT_TRUE(functions.ok()) << functions.status();
  const auto found = functions->FindAll({"runtime.b", "missing", "runtime.a", "runtime.b"});
  ASSERT_THAT(found, SizeIs(4));
  EXPECT_EQ(found[0].at(0).address, 0x2000U);
  EXPECT_THAT(found[1], IsEmpty());
  EXPECT_EQ(found[2].at(0).address, 0x1000U);
  EXPECT_EQ(found[3].at(0).address, 0x2000U);
  EXPECT_THAT(functions->FindAll({}), IsEmpty());
}

TEST(GoFunctions, FindEndingInFindsNoMoreThanItMay) {
  ElfImage image;
  AddSymbols(image, {{"runtime.a.Error", 0x1000, 1},
                     {"runtime.Errors", 0x2000, 1},
                     {"runtime.(*b).Error", 0x3000, 1}});
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto functions = GoFunctions::Read(*file);
  ASSERT_TRUE(functions.ok()) << functions.status();
  const auto found = functions->FindEndingIn(".Error", 2);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(std::set<uint64_t>({found[0].address, found[1].address}),
            std::set<uint64_t>({0x1000, 0x3000}));
  EXPECT_THAT(functions->FindEndingIn(".Error", 1), SizeIs(1));
  EXPECT_THAT(functions->FindEndingIn(".Name", 1), IsEmpty());
}

TEST(GoFunctions, SkipSymbolsWhoseNameIsOutside) {
  ElfImage image;
  AddSymbols(image, {{"runtime.a", 0x1000, 1}, {"runtime.b", 0x2000, 1}});
  std::string bytes = image.Build();
  Elf64_Shdr symbols;
  std::memcpy(&symbols, bytes.data() + ElfImage::SectionHeader(bytes, 1), sizeof(symbols));
  Patch(bytes, symbols.sh_offset + sizeof(Elf64_Sym), UINT32_MAX);
  const auto file = ElfImage::OpenBytes(bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto functions = GoFunctions::Read(*file);
  ASSERT_TRUE(functions.ok()) << functions.status();
  EXPECT_EQ(functions->NameAtEntry(0x1000), "runtime.a");
  EXPECT_EQ(functions->NameAtEntry(0x2000), std::nullopt);
}

TEST(GoFunctions, RefuseABinaryWithNeitherTable) {
  const auto file = ElfImage().Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReasonOf(GoFunctions::Read(*file).status()), "PCLNTAB_MISSING");
}

TEST(GoFunctions, StayValidWhenTheFileIsMoved) {
  ElfImage image;
  AddSymbols(image, {{"runtime.a", 0x1000, 1}});
  auto opened = image.Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  const auto functions = GoFunctions::Read(*opened);
  ASSERT_TRUE(functions.ok()) << functions.status();
  const ElfFile moved = *std::move(opened);
  EXPECT_EQ(functions->NameAtEntry(0x1000), "runtime.a");
}

const std::vector<std::string>& HttpFunctions() {
  static const std::vector<std::string> names = {
      "net/http.serverHandler.ServeHTTP", "net/http.(*response).finishRequest", "net/http.send",
      "net/http.(*Transport).roundTrip", "runtime.goexit1"};
  return names;
}

TEST(GoFunctions, AreFoundInGoPrograms) {
  const auto targets = AvailableTargets("hello");
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  for (const auto& target : targets) {
    SCOPED_TRACE(target.path);
    const auto file = ElfFile::Open(target.path);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto functions = GoFunctions::Read(*file);
    ASSERT_TRUE(functions.ok()) << functions.status();
    EXPECT_EQ(functions->from_symtab(), !target.stripped);
    const auto found = functions->FindAll(HttpFunctions());
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_FALSE(found[i].empty()) << HttpFunctions()[i];
      EXPECT_EQ(functions->NameAtEntry(found[i][0].address), HttpFunctions()[i]);
      EXPECT_TRUE(file->ReadAddress(found[i][0].address, found[i][0].size).has_value());
    }
  }
}

// The two tables of one binary come from the linker by different ways.
TEST(GoFunctions, HaveTheSameAddressInBothTables) {
  size_t compared = 0;
  for (const auto& target : AvailableTargets("hello")) {
    if (target.stripped) continue;
    SCOPED_TRACE(target.path);
    const auto file = ElfFile::Open(target.path);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto functions = GoFunctions::Read(*file);
    const auto table = Pclntab::Find(*file);
    ASSERT_TRUE(functions.ok() && table.ok());
    for (const std::string& name : HttpFunctions()) {
      const auto found = functions->Find(name);
      ASSERT_FALSE(found.empty()) << name;
      const auto same = table->AtEntry(found[0].address);
      ASSERT_TRUE(same.has_value()) << name;
      EXPECT_EQ(same->name, name);
      EXPECT_GE(same->size, found[0].size);
      EXPECT_LT(same->size - found[0].size, 64U) << "more than padding";
      ++compared;
    }
  }
  if (compared == 0) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
}

}  // namespace
}  // namespace uprobed::elf
