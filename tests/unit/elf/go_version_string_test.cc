#include "server/elf/go_version_string.h"

#include <gtest/gtest.h>

#include "server/base/errors.h"
#include "tests/support/targets.h"
#include "tests/unit/elf/pclntab_image.h"

namespace uprobed::elf {
namespace {

using ::uprobed::testing::AvailableTargets;

// A program with a function table and with string variables.
class Program {
 public:
  Program() {
    image_.load_flags = PF_R | PF_W;
    text_ = image_.Add(".text", std::string(0x100, '\x90'));
  }

  ElfImage& image() { return image_; }

  // Adds the variable and returns its address.
  uint64_t Variable(const std::string& value) {
    const uint64_t data = image_.Add(".rodata", "before" + value + "after") + 6;
    return Header(data, value.size());
  }
  uint64_t Header(uint64_t data, uint64_t size) {
    std::string header;
    if (image_.type == ET_DYN) {
      Append(header, uint64_t{0});
    } else {
      Append(header, data);
    }
    Append(header, size);
    const uint64_t address = image_.Add(".data", header);
    Append(relocations_, Elf64_Rela{.r_offset = address,
                                    .r_info = ELF64_R_INFO(0, R_X86_64_RELATIVE),
                                    .r_addend = static_cast<Elf64_Sxword>(data)});
    return address;
  }

  void Symbol(const std::string& name, uint64_t address, unsigned char type = STT_OBJECT) {
    Append(symbols_,
           Elf64_Sym{.st_name = static_cast<Elf64_Word>(names_.size()),
                     .st_info = static_cast<unsigned char>(ELF64_ST_INFO(STB_GLOBAL, type)),
                     .st_other = 0,
                     .st_shndx = 1,
                     .st_value = address,
                     .st_size = 16});
    names_ += name + '\0';
  }

  absl::StatusOr<GoVersionString> Find(uint32_t magic = kMagicGo120) {
    image_.Add(".gopclntab", MakePclntab({{"runtime.main", 0}}, 0x80, text_, magic));
    if (image_.type == ET_DYN) image_.Add(".rela", relocations_);
    if (!symbols_.empty()) {
      // Of the type PROGBITS, for libelf wants a section link in a table of symbols.
      image_.Add(".symtab", symbols_);
      image_.Add(".strtab", names_);
    }
    const auto file = image_.Open();
    if (!file.ok()) return file.status();
    const auto table = Pclntab::Find(*file);
    if (!table.ok()) return table.status();
    return FindGoVersionString(*file, *table);
  }

 private:
  ElfImage image_;
  uint64_t text_ = 0;
  std::string relocations_;
  std::string symbols_;
  std::string names_ = std::string(1, '\0');
};

TEST(GoVersionString, IsTheValueOfTheRuntimesVariable) {
  for (const uint16_t type : {uint16_t{ET_EXEC}, uint16_t{ET_DYN}}) {
    Program program;
    program.image().type = type;
    program.Symbol("main.version", program.Variable("go1.23"));
    program.Symbol("runtime.buildVersion", program.Variable("go1.24.12 X:noswissmap"));
    const auto version = program.Find();
    ASSERT_TRUE(version.ok()) << version.status();
    EXPECT_EQ(version->text, "go1.24.12 X:noswissmap");
    EXPECT_EQ(version->source, GoVersionSource::kSymbol);
  }
}

TEST(GoVersionString, IsTheOneVariableLikeAVersionWithoutSymbols) {
  for (const uint16_t type : {uint16_t{ET_EXEC}, uint16_t{ET_DYN}}) {
    for (const char* text : {"go1.24.12", "go1.26", "devel go1.27-abcdef Mon Nov 2"}) {
      Program program;
      program.image().type = type;
      program.Variable("golang.org");
      program.Variable("go1.x");
      program.Variable("go1.24\n");
      program.Variable(text);
      program.Variable(text);  // the same again leaves no doubt
      const auto version = program.Find();
      ASSERT_TRUE(version.ok()) << version.status();
      EXPECT_EQ(version->text, text);
      EXPECT_EQ(version->source, GoVersionSource::kVariable);
    }
  }
}

TEST(GoVersionString, IsNoneThatTheFunctionTableRulesOut) {
  Program program;
  program.Variable("go1.17.13");
  program.Variable("go1.19.2");
  program.Variable("go1.24.1");
  const auto version = program.Find(0xfffffff0);
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(version->text, "go1.19.2");
}

TEST(GoVersionString, IsUnknownWhereTwoMayBeIt) {
  Program program;
  program.Variable("go1.24.12");
  program.Variable("go1.25.1");
  const auto version = program.Find();
  EXPECT_EQ(ReasonOf(version.status()), "GO_VERSION_UNKNOWN");
  EXPECT_NE(MessageOf(version.status()).find("go1.24.12, go1.25.1"), std::string::npos);
}

TEST(GoVersionString, IsUnknownWhereNoVariableIsLikeIt) {
  Program program;
  program.Variable("unknown");
  program.Header(ElfImage::kBase, UINT64_MAX);
  program.Header(UINT64_MAX, 9);
  program.Symbol("runtime.buildVersion", UINT64_MAX - 8);
  EXPECT_EQ(ReasonOf(program.Find().status()), "GO_VERSION_UNKNOWN");
}

TEST(GoVersionString, IsNoTextThatNoVariablePointsTo) {
  Program program;
  program.image().Add(".rodata", "go1.24.12");
  EXPECT_EQ(ReasonOf(program.Find().status()), "GO_VERSION_UNKNOWN");
}

TEST(GoVersionString, IsThatOfTheBuildInformationInGoPrograms) {
  const auto targets = AvailableTargets("hello");
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  for (const auto& target : targets) {
    SCOPED_TRACE(target.path);
    const auto file = ElfFile::Open(target.path);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto table = Pclntab::Find(*file);
    ASSERT_TRUE(table.ok()) << table.status();
    const auto version = FindGoVersionString(*file, *table);
    ASSERT_TRUE(version.ok()) << version.status();
    EXPECT_EQ(version->text, target.go_version);
    EXPECT_EQ(version->source,
              target.stripped ? GoVersionSource::kVariable : GoVersionSource::kSymbol);
  }
}

}  // namespace
}  // namespace uprobed::elf
