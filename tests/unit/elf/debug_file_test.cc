#include "server/elf/debug_file.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "gtest/gtest.h"
#include "tests/unit/elf/elf_image.h"

namespace uprobed::elf {
namespace {

std::string Content(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return "";
  std::string content(static_cast<size_t>(status.st_size), '?');
  return ::pread(fd, content.data(), content.size(), 0) == status.st_size ? content : "";
}

std::string PartOf(const std::string& bytes, const Section& section) {
  return bytes.substr(section.file_offset, section.size);
}

TEST(DebugFile, HasHeadersNamesAndDebugSectionsWhereTheyAre) {
  ElfImage image;
  image.Add(".text", "code");
  image.Add(".debug_info", "of types");
  image.Add(".zdebug_line", "of lines");
  const std::string bytes = image.Build();
  const auto file = ElfImage::OpenBytes(bytes);
  ASSERT_TRUE(file.ok()) << file.status();

  const auto made = MakeDebugFile(*file);
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string content = Content(made->get());
  ASSERT_EQ(content.size(), bytes.size());
  const size_t headers = ElfImage::SectionHeader(bytes, 0);
  EXPECT_EQ(content.substr(0, sizeof(Elf64_Ehdr)), bytes.substr(0, sizeof(Elf64_Ehdr)));
  EXPECT_EQ(content.substr(headers), bytes.substr(headers));
  for (const char* name : {".debug_info", ".zdebug_line", ".shstrtab"}) {
    const Section* section = file->FindSection(name);
    ASSERT_NE(section, nullptr) << name;
    EXPECT_EQ(PartOf(content, *section), PartOf(bytes, *section)) << name;
  }
  EXPECT_EQ(PartOf(content, *file->FindSection(".text")), std::string(4, '\0'));
}

// They need be no names at all, and as long as the file.
TEST(DebugFile, LeavesOutNamesThatAreTooLong) {
  ElfImage image;
  image.Add(".debug_info", "of types");
  image.Add(std::string(100'000, 'n'), "x");
  const std::string bytes = image.Build();
  const auto file = ElfImage::OpenBytes(bytes);
  ASSERT_TRUE(file.ok()) << file.status();

  const auto made = MakeDebugFile(*file);
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string content = Content(made->get());
  const Section* names = file->FindSection(".shstrtab");
  ASSERT_NE(names, nullptr);
  EXPECT_EQ(PartOf(content, *names), std::string(names->size, '\0'));
  EXPECT_EQ(PartOf(content, *file->FindSection(".debug_info")), "of types");
}

}  // namespace
}  // namespace uprobed::elf
