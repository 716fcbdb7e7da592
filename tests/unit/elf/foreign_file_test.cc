// Files that are ELF, but none that can be observed: what is said of them.

#include <gtest/gtest.h>

#include <cstddef>

#include "server/base/errors.h"
#include "server/elf/elf_file.h"
#include "tests/unit/elf/elf_image.h"

namespace uprobed::elf {
namespace {

std::string ReasonOfForeign(std::string_view bytes) {
  const auto file = ElfImage::OpenBytes(bytes);
  return file.ok() ? "OK" : ReasonOf(file.status());
}

std::string WithoutSectionHeaders(std::string image) {
  Patch(image, offsetof(Elf64_Ehdr, e_shoff), uint64_t{0});
  Patch(image, offsetof(Elf64_Ehdr, e_shnum), uint16_t{0});
  Patch(image, offsetof(Elf64_Ehdr, e_shstrndx), uint16_t{0});
  return image;
}

TEST(ForeignFile, ThatUpxPackedIsRefusedAsPacked) {
  ElfImage image;
  // Behind the program headers, as upx 4.2.2 writes it: a checksum, then the mark.
  image.Add("", std::string("\x12\x34\x56\x78UPX!", 8));
  EXPECT_EQ(ReasonOfForeign(WithoutSectionHeaders(image.Build())), "BINARY_PACKED");
  const auto file = ElfImage::OpenBytes(WithoutSectionHeaders(image.Build()));
  EXPECT_NE(MessageOf(file.status()).find("upx -d"), std::string::npos);
  // A program may hold the word.
  EXPECT_EQ(ReasonOfForeign(image.Build()), "OK");
  ElfImage unpacker;
  unpacker.Add(".text", std::string(4096, 'x'));
  unpacker.Add(".rodata", "UPX!");
  EXPECT_EQ(ReasonOfForeign(WithoutSectionHeaders(unpacker.Build())), "OK");
}

TEST(ForeignFile, WithoutSectionHeadersIsReadThroughItsSegments) {
  ElfImage image;
  const uint64_t address = image.Add(".text", "code");
  const auto file = ElfImage::OpenBytes(WithoutSectionHeaders(image.Build()));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->sections().empty());
  ASSERT_EQ(file->segments().size(), 1U);
  EXPECT_EQ(file->segments()[0].flags, uint32_t{PF_R | PF_X});
  EXPECT_TRUE(file->ReadAddress(address, 4).has_value());
}

// A position-independent file whose dynamic section has `entries`.
ElfImage Dynamic(const std::vector<Elf64_Dyn>& entries) {
  ElfImage image;
  image.type = ET_DYN;
  std::string content;
  for (const Elf64_Dyn& entry : entries) Append(content, entry);
  Elf64_Phdr header{};
  header.p_type = PT_DYNAMIC;
  header.p_vaddr = image.Add(".dynamic", content);
  header.p_offset = header.p_vaddr - ElfImage::kBase;
  header.p_filesz = content.size();
  image.more_headers.push_back(header);
  return image;
}

Elf64_Dyn Entry(int64_t tag, uint64_t value) {
  Elf64_Dyn entry{};
  entry.d_tag = tag;
  entry.d_un.d_val = value;
  return entry;
}

TEST(ForeignFile, ThatIsASharedLibraryIsRefused) {
  ElfImage library = Dynamic({Entry(DT_SONAME, 1), Entry(DT_NULL, 0)});
  EXPECT_EQ(ReasonOfForeign(library.Build()), "BINARY_NOT_EXECUTABLE_TYPE");
  // What is behind the end of the section is no mark of a program.
  library = Dynamic({Entry(DT_NULL, 0), Entry(DT_FLAGS_1, DF_1_PIE)});
  EXPECT_EQ(ReasonOfForeign(library.Build()), "BINARY_NOT_EXECUTABLE_TYPE");
}

TEST(ForeignFile, ThatIsAPositionIndependentProgramIsNoSharedLibrary) {
  const ElfImage static_program = Dynamic({Entry(DT_FLAGS_1, DF_1_PIE | DF_1_NOW)});
  EXPECT_EQ(ReasonOfForeign(static_program.Build()), "OK");
  ElfImage program = Dynamic({Entry(DT_NULL, 0)});
  Elf64_Phdr interpreter{};
  interpreter.p_type = PT_INTERP;
  program.more_headers.push_back(interpreter);
  EXPECT_EQ(ReasonOfForeign(program.Build()), "OK");
  ElfImage fixed = Dynamic({Entry(DT_NULL, 0)});
  fixed.type = ET_EXEC;
  EXPECT_EQ(ReasonOfForeign(fixed.Build()), "OK");
}

TEST(ForeignFile, HasItsDynamicEntries) {
  const auto file = Dynamic({Entry(DT_FLAGS_1, DF_1_PIE), Entry(DT_RELA, 0x1234)}).Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->DynamicEntry(DT_RELA), 0x1234U);
  EXPECT_EQ(file->DynamicEntry(DT_RELASZ), std::nullopt);
}

TEST(ForeignFile, WithThousandsOfSegmentsIsRefused) {
  ElfImage image;
  image.extra_loads = 1000;
  EXPECT_EQ(ReasonOfForeign(image.Build()), "BINARY_MALFORMED");
}

// One name of 4 KB for each of millions of sections is more memory than there is.
TEST(ForeignFile, WithMoreSectionsThanCanBeNumberedIsRefused) {
  std::string image = ElfImage().Build();
  constexpr uint64_t kCount = SHN_LORESERVE + 1;
  const size_t table = ElfImage::SectionHeader(image, 0);
  image.resize(table + kCount * sizeof(Elf64_Shdr));
  Patch(image, offsetof(Elf64_Ehdr, e_shnum), uint16_t{0});
  Patch(image, table + offsetof(Elf64_Shdr, sh_size), kCount);
  EXPECT_EQ(ReasonOfForeign(image), "BINARY_MALFORMED");
}

TEST(ForeignFile, HasNotesOfAFewBytesOnly) {
  for (const uint32_t size : {64U, 1U << 20}) {
    std::string notes;
    Append(notes, Elf64_Nhdr{.n_namesz = 4, .n_descsz = size, .n_type = 1});
    notes += std::string("big\0", 4) + std::string(size, 'x');
    Append(notes, Elf64_Nhdr{.n_namesz = 4, .n_descsz = 4, .n_type = 4});
    notes += std::string("Go\0\0abcd", 8);
    ElfImage image;
    image.AddNotes(notes, 4);
    const auto file = image.Open();
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->FindNote("Go", 4).has_value(), size == 64U);
  }
}

}  // namespace
}  // namespace uprobed::elf
