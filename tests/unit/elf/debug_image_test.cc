#include "server/elf/debug_image.h"

#include <elf.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "tests/unit/elf/elf_image.h"

namespace uprobed::elf {
namespace {

std::string Content(const DebugImage& image) {
  return {reinterpret_cast<const char*>(image.bytes().data()), image.bytes().size()};
}

std::string PartOf(const std::string& bytes, const Section& section) {
  return bytes.substr(section.file_offset, section.size);
}

Elf64_Shdr HeaderOf(const std::string& bytes, size_t index) {
  Elf64_Shdr header;
  std::memcpy(&header, bytes.data() + ElfImage::SectionHeader(bytes, index), sizeof(header));
  return header;
}

TEST(DebugImage, HasDebugSectionsAndNamesWhereTheyAre) {
  ElfImage elf;
  elf.Add(".debug_info", "of types");
  elf.Add(".text", "code");
  elf.Add(".zdebug_line", "of lines");
  const std::string bytes = elf.Build();
  const auto file = ElfImage::OpenBytes(bytes);
  ASSERT_TRUE(file.ok()) << file.status();

  const auto image = DebugImage::Make(*file);
  ASSERT_TRUE(image.ok()) << image.status();
  const std::string content = Content(*image);
  ASSERT_EQ(content.size(), bytes.size());
  for (const char* name : {".debug_info", ".zdebug_line", ".shstrtab"}) {
    const Section* section = file->FindSection(name);
    ASSERT_NE(section, nullptr) << name;
    EXPECT_EQ(PartOf(content, *section), PartOf(bytes, *section)) << name;
  }
  EXPECT_EQ(PartOf(content, *file->FindSection(".text")), std::string(4, '\0'));
  EXPECT_EQ(HeaderOf(content, 1).sh_size, 8U);
  EXPECT_EQ(HeaderOf(content, 2).sh_type, static_cast<Elf64_Word>(SHT_NULL));
  EXPECT_EQ(HeaderOf(content, 2).sh_size, 0U);
  EXPECT_EQ(HeaderOf(content, 3).sh_offset, file->FindSection(".zdebug_line")->file_offset);
}

std::string ReasonFor(const std::string& bytes) {
  const auto file = ElfImage::OpenBytes(bytes);
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? ReasonOf(DebugImage::Make(*file).status()) : "";
}

// They need be no names at all, and as long as the file.
TEST(DebugImage, RefusesNamesThatAreTooLong) {
  ElfImage elf;
  elf.Add(".debug_info", "of types");
  elf.Add(std::string(100'000, 'n'), "x");
  EXPECT_EQ(ReasonFor(elf.Build()), "DWARF_MALFORMED");
}

// What they say would be known only when libelf has made them as long as they say.
TEST(DebugImage, RefusesNamesThatAreCompressed) {
  ElfImage elf;
  elf.Add(".debug_info", "of types");
  std::string bytes = elf.Build();
  Patch(bytes, ElfImage::SectionHeader(bytes, 2) + offsetof(Elf64_Shdr, sh_flags),
        static_cast<uint64_t>(SHF_COMPRESSED));
  EXPECT_EQ(ReasonFor(bytes), "DWARF_MALFORMED");
}

// One may be said to lie where the headers are.
TEST(DebugImage, HeadersAreNotOverwrittenByContent) {
  ElfImage elf;
  elf.Add(".text", "code");
  elf.Add(".debug_info", "of types");
  std::string bytes = elf.Build();
  Patch(bytes, ElfImage::SectionHeader(bytes, 2) + offsetof(Elf64_Shdr, sh_offset),
        static_cast<uint64_t>(ElfImage::SectionHeader(bytes, 1)));
  Patch(bytes, ElfImage::SectionHeader(bytes, 2) + offsetof(Elf64_Shdr, sh_size),
        static_cast<uint64_t>(sizeof(Elf64_Shdr)));
  const auto file = ElfImage::OpenBytes(bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto image = DebugImage::Make(*file);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(HeaderOf(Content(*image), 1).sh_size, 0U);
}

}  // namespace
}  // namespace uprobed::elf
