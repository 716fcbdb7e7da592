#include "server/elf/elf_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include "server/base/errors.h"
#include "server/elf/file_snapshot.h"
#include "tests/support/targets.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/elf/elf_image.h"

namespace uprobed::elf {
namespace {

using ::uprobed::testing::AvailableTargets;
using ::uprobed::testing::TempDir;

std::string ReasonOfBytes(std::string_view bytes) {
  const auto file = ElfImage::OpenBytes(bytes);
  return file.ok() ? "OK" : ReasonOf(file.status());
}

std::string ReasonOfPath(const std::string& path) {
  const auto file = ElfFile::Open(path);
  return file.ok() ? "OK" : ReasonOf(file.status());
}

std::string SmallImage() {
  ElfImage image;
  image.Add(".text", "code");
  image.Add(".data", "variables");
  return image.Build();
}

TEST(ElfFile, DescribesAnExecutable) {
  ElfImage image;
  const uint64_t address = image.Add(".text", "code");
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->architecture(), Architecture::kAmd64);
  EXPECT_FALSE(file->position_independent());
  EXPECT_EQ(file->size(), image.Build().size());
  EXPECT_EQ(file->bytes().size(), file->size());
  const Section* text = file->FindSection(".text");
  ASSERT_NE(text, nullptr);
  EXPECT_EQ(text->address, address);
  EXPECT_EQ(text->data.size(), 4U);
  EXPECT_EQ(std::memcmp(text->data.data(), "code", 4), 0);
  EXPECT_EQ(file->FindSection(".nowhere"), nullptr);
}

TEST(ElfFile, KnowsArm64AndPositionIndependence) {
  ElfImage image;
  image.machine = EM_AARCH64;
  image.type = ET_DYN;
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->architecture(), Architecture::kArm64);
  EXPECT_TRUE(file->position_independent());
}

TEST(ElfFile, OpensGoPrograms) {
  const auto targets = AvailableTargets("hello");
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  for (const auto& target : targets) {
    const auto file = ElfFile::Open(target.path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_NE(file->FindSection(".text"), nullptr);
    EXPECT_EQ(file->FindSection(".symtab") == nullptr, target.stripped);
    const auto build_id = file->FindNote("Go", 4);
    ASSERT_TRUE(build_id.has_value());
    EXPECT_EQ(std::count(build_id->begin(), build_id->end(), '/'), 3);
  }
}

TEST(ElfFile, RefusesAPathThatIsNotThere) {
  const TempDir dir;
  EXPECT_EQ(ReasonOfPath(dir.File("missing")), "BINARY_NOT_FOUND");
  EXPECT_EQ(ReasonOfPath(dir.Write("file", "x") + "/below"), "BINARY_NOT_FOUND");
  EXPECT_EQ(ElfFile::Open(dir.File("missing")).status().code(), absl::StatusCode::kNotFound);
}

TEST(ElfFile, RefusesWhatIsNotARegularFile) {
  const TempDir dir;
  EXPECT_EQ(ReasonOfPath(dir.path().string()), "BINARY_NOT_REGULAR_FILE");
  EXPECT_EQ(ReasonOfPath("/dev/null"), "BINARY_NOT_REGULAR_FILE");
  EXPECT_EQ(ElfFile::Open("/dev/null").status().code(), absl::StatusCode::kInvalidArgument);
}

// Without O_NONBLOCK this test never ends: a FIFO's open waits for a writer.
TEST(ElfFile, RefusesAFifoWithoutWaiting) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo(dir.File("fifo").c_str(), 0600), 0);
  EXPECT_EQ(ReasonOfPath(dir.File("fifo")), "BINARY_NOT_REGULAR_FILE");
}

TEST(ElfFile, RefusesASocket) {
  const TempDir dir;
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(dir.File("socket").size(), sizeof(address.sun_path));
  std::strcpy(address.sun_path, dir.File("socket").c_str());
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(ReasonOfPath(dir.File("socket")), "BINARY_NOT_REGULAR_FILE");
}

TEST(ElfFile, RefusesAFileWithoutPermission) {
  const TempDir dir;
  const std::string path = dir.Write("secret", SmallImage());
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  // Root reads every file, so this thread looks at files as nobody for a moment.
  const auto own_user = static_cast<uid_t>(::setfsuid(65534));
  const auto file = ElfFile::Open(path);
  ::setfsuid(own_user);
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(ReasonOf(file.status()), "BINARY_NOT_READABLE");
  EXPECT_EQ(file.status().code(), absl::StatusCode::kPermissionDenied);
}

TEST(ElfFile, RefusesWhatIsNotElf) {
  EXPECT_EQ(ReasonOfBytes(""), "BINARY_NOT_ELF");
  EXPECT_EQ(ReasonOfBytes("\x7f"), "BINARY_NOT_ELF");
  EXPECT_EQ(ReasonOfBytes("#!/bin/sh\nexec true\n"), "BINARY_NOT_ELF");
  EXPECT_EQ(ReasonOfBytes(std::string(100000, 'x')), "BINARY_NOT_ELF");
}

TEST(ElfFile, RefusesAnotherWordSizeByteOrderOrMachine) {
  std::string image = SmallImage();
  image[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(ReasonOfBytes(image), "BINARY_ARCHITECTURE_UNSUPPORTED");
  image = SmallImage();
  image[EI_DATA] = ELFDATA2MSB;
  EXPECT_EQ(ReasonOfBytes(image), "BINARY_ARCHITECTURE_UNSUPPORTED");
  ElfImage other;
  other.machine = EM_RISCV;
  EXPECT_EQ(ReasonOfBytes(other.Build()), "BINARY_ARCHITECTURE_UNSUPPORTED");
}

TEST(ElfFile, RefusesObjectAndCoreFiles) {
  for (const uint16_t type : std::initializer_list<uint16_t>{ET_NONE, ET_REL, ET_CORE}) {
    ElfImage image;
    image.type = type;
    EXPECT_EQ(ReasonOfBytes(image.Build()), "BINARY_NOT_EXECUTABLE_TYPE") << type;
  }
}

TEST(ElfFile, RefusesEveryTruncation) {
  const std::string image = SmallImage();
  ASSERT_EQ(ReasonOfBytes(image), "OK");
  for (size_t size = 0; size < image.size(); ++size) {
    EXPECT_EQ(ReasonOfBytes(image.substr(0, size)),
              size < SELFMAG ? "BINARY_NOT_ELF" : "BINARY_TRUNCATED")
        << size;
  }
}

TEST(ElfFile, RefusesTruncatedGoPrograms) {
  const auto targets = AvailableTargets("hello");
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  std::ifstream stream(targets.front().path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(stream), {}};
  for (size_t part = 1; part < 64; ++part) {
    EXPECT_EQ(ReasonOfBytes(std::string_view(whole).substr(0, whole.size() * part / 64)),
              "BINARY_TRUNCATED");
  }
}

TEST(ElfFile, RefusesSectionsBeyondTheFile) {
  const std::string good = SmallImage();
  const size_t header = ElfImage::SectionHeader(good, 1);
  for (const uint64_t lie : {uint64_t{good.size()}, uint64_t{1} << 40, UINT64_MAX}) {
    std::string image = good;
    Patch(image, header + offsetof(Elf64_Shdr, sh_size), lie);
    EXPECT_EQ(ReasonOfBytes(image), "BINARY_TRUNCATED") << lie;
    image = good;
    Patch(image, header + offsetof(Elf64_Shdr, sh_offset), lie);
    EXPECT_EQ(ReasonOfBytes(image), "BINARY_TRUNCATED") << lie;
  }
}

TEST(ElfFile, RefusesSegmentsBeyondTheFile) {
  const std::string good = SmallImage();
  for (const uint64_t lie : {uint64_t{good.size() + 1}, uint64_t{1} << 40, UINT64_MAX}) {
    for (const size_t field : {offsetof(Elf64_Phdr, p_offset), offsetof(Elf64_Phdr, p_filesz)}) {
      std::string image = good;
      Patch(image, ElfImage::kLoadHeader + field, lie);
      EXPECT_EQ(ReasonOfBytes(image), "BINARY_TRUNCATED") << lie;
    }
  }
  std::string image = good;
  Patch(image, ElfImage::kLoadHeader + offsetof(Elf64_Phdr, p_vaddr), UINT64_MAX - 1);
  EXPECT_EQ(ReasonOfBytes(image), "BINARY_TRUNCATED");
}

TEST(ElfFile, RefusesLyingHeaderTables) {
  const auto with = [](size_t field, auto value) {
    std::string image = SmallImage();
    Patch(image, field, value);
    return ReasonOfBytes(image);
  };
  EXPECT_EQ(with(offsetof(Elf64_Ehdr, e_shnum), uint16_t{0xfeff}), "BINARY_TRUNCATED");
  EXPECT_EQ(with(offsetof(Elf64_Ehdr, e_shentsize), uint16_t{8}), "BINARY_TRUNCATED");
  EXPECT_EQ(with(offsetof(Elf64_Ehdr, e_shoff), UINT64_MAX - 8), "BINARY_TRUNCATED");
  EXPECT_EQ(with(offsetof(Elf64_Ehdr, e_phnum), uint16_t{0xfffe}), "BINARY_TRUNCATED");
  EXPECT_EQ(with(offsetof(Elf64_Ehdr, e_phentsize), uint16_t{8}), "BINARY_TRUNCATED");
  EXPECT_EQ(with(offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 8), "BINARY_TRUNCATED");
}

TEST(ElfFile, RefusesALyingSectionCountInTheFirstHeader) {
  std::string image = SmallImage();
  Patch(image, offsetof(Elf64_Ehdr, e_shnum), uint16_t{0});
  for (const uint64_t lie : {uint64_t{1000}, uint64_t{1} << 60, UINT64_MAX}) {
    Patch(image, ElfImage::SectionHeader(image, 0) + offsetof(Elf64_Shdr, sh_size), lie);
    EXPECT_EQ(ReasonOfBytes(image), "BINARY_TRUNCATED") << lie;
  }
}

TEST(ElfFile, LeavesUnreadableSectionNamesEmpty) {
  std::string image = SmallImage();
  Patch(image, ElfImage::SectionHeader(image, 1) + offsetof(Elf64_Shdr, sh_name), UINT32_MAX);
  const auto file = ElfImage::OpenBytes(image);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->FindSection(".text"), nullptr);
  EXPECT_NE(file->FindSection(".data"), nullptr);
}

TEST(ElfFile, SurvivesALyingNameTableIndex) {
  std::string image = SmallImage();
  Patch(image, offsetof(Elf64_Ehdr, e_shstrndx), uint16_t{0x1234});
  const auto file = ElfImage::OpenBytes(image);
  if (file.ok()) {
    EXPECT_EQ(file->FindSection(".text"), nullptr);
  } else {
    EXPECT_EQ(ReasonOf(file.status()), "BINARY_TRUNCATED");
  }
}

TEST(ElfFile, GivesNoDataForSectionsWithoutContent) {
  ElfImage image;
  image.Add(".bss", "", SHT_NOBITS);
  std::string bytes = image.Build();
  Patch(bytes, ElfImage::SectionHeader(bytes, 1) + offsetof(Elf64_Shdr, sh_size),
        uint64_t{1} << 40);
  const auto file = ElfImage::OpenBytes(bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->FindSection(".bss")->data.empty());
}

TEST(ElfFile, ReadsAddressesWithinTheirSegment) {
  const auto file = ElfImage::OpenBytes(SmallImage());
  ASSERT_TRUE(file.ok()) << file.status();
  constexpr uint64_t kBase = ElfImage::kBase;
  const uint64_t end = kBase + file->size();
  EXPECT_EQ(file->ReadAddress(kBase, 4)->data(), file->bytes().data());
  EXPECT_TRUE(file->ReadAddress(end - 1, 1).has_value());
  EXPECT_FALSE(file->ReadAddress(end - 1, 2).has_value());
  EXPECT_FALSE(file->ReadAddress(end + 1, 0).has_value());
  EXPECT_FALSE(file->ReadAddress(kBase - 1, 1).has_value());
  EXPECT_FALSE(file->ReadAddress(kBase, UINT64_MAX).has_value());
  EXPECT_FALSE(file->ReadAddress(UINT64_MAX, UINT64_MAX).has_value());
}

TEST(ElfFile, MapsAddressesToFileOffsets) {
  const auto file = ElfImage::OpenBytes(SmallImage());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->FileOffset(ElfImage::kBase + 7), 7U);
  EXPECT_EQ(file->FileOffset(ElfImage::kBase - 1), std::nullopt);
  EXPECT_EQ(file->FileOffset(ElfImage::kBase + file->size()), std::nullopt);
}

std::string Note(std::string_view owner, uint32_t type, std::string_view content, size_t padding) {
  std::string note;
  Append(note, Elf64_Nhdr{.n_namesz = static_cast<Elf64_Word>(owner.size() + 1),
                          .n_descsz = static_cast<Elf64_Word>(content.size()),
                          .n_type = type});
  note += owner;
  note += '\0';
  note.resize((note.size() + padding - 1) / padding * padding);
  note += content;
  note.resize((note.size() + padding - 1) / padding * padding);
  return note;
}

TEST(ElfFile, FindsNotesOfBothAlignments) {
  for (const size_t alignment : {4U, 8U}) {
    ElfImage image;
    image.AddNotes(Note("GNU", 3, "abcde", alignment) + Note("Go", 4, "a/b/c/d", alignment),
                   alignment);
    const auto file = image.Open();
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->FindNote("GNU", 3), "abcde");
    EXPECT_EQ(file->FindNote("Go", 4), "a/b/c/d");
    EXPECT_EQ(file->FindNote("Go", 3), std::nullopt);
    EXPECT_EQ(file->FindNote("G", 4), std::nullopt);
  }
}

TEST(ElfFile, IgnoresNotesThatReachBeyondTheirSegment) {
  for (const size_t field : {offsetof(Elf64_Nhdr, n_namesz), offsetof(Elf64_Nhdr, n_descsz)}) {
    std::string note = Note("Go", 4, "a/b/c/d", 4);
    Patch(note, field, UINT32_MAX);
    ElfImage image;
    image.AddNotes(note, 4);
    const auto file = image.Open();
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->FindNote("Go", 4), std::nullopt);
  }
}

// A mapping of the file itself would end this test with SIGBUS.
TEST(ElfFile, KeepsItsContentWhenTheFileIsTruncated) {
  const TempDir dir;
  const std::string image = SmallImage();
  const std::string path = dir.Write("program", image);
  const auto file = ElfFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(::truncate(path.c_str(), 0), 0);
  ASSERT_EQ(file->bytes().size(), image.size());
  EXPECT_EQ(std::memcmp(file->bytes().data(), image.data(), image.size()), 0);
}

TEST(ElfFile, StaysValidWhenMoved) {
  auto opened = ElfImage::OpenBytes(SmallImage());
  ASSERT_TRUE(opened.ok()) << opened.status();
  const Section* text = opened->FindSection(".text");
  const ElfFile moved = *std::move(opened);
  EXPECT_EQ(moved.FindSection(".text"), text);
  EXPECT_EQ(std::memcmp(text->data.data(), "code", 4), 0);
}

TEST(ElfFile, RefusesHugeFiles) {
  const TempDir dir;
  const std::string path = dir.Write("huge", SmallImage());
  ASSERT_EQ(::truncate(path.c_str(), FileSnapshot::kMaxSize + 1), 0);
  EXPECT_EQ(ReasonOfPath(path), "BINARY_TOO_LARGE");
}

TEST(FileSnapshot, NoticesAFileThatBecameShorter) {
  const TempDir dir;
  const UniqueFd fd(::open(dir.Write("file", "1234").c_str(), O_RDONLY | O_CLOEXEC));
  const auto snapshot = FileSnapshot::Take(fd.get(), 5, "file");
  ASSERT_FALSE(snapshot.ok());
  EXPECT_EQ(ReasonOf(snapshot.status()), "BINARY_TRUNCATED");
}

TEST(ElfFile, SurvivesDamage) {
  const std::string good = SmallImage();
  std::mt19937 random(1);  // the same damage in every run
  for (int round = 0; round < 2000; ++round) {
    std::string image = good;
    for (int i = 0; i < 4; ++i) image[random() % image.size()] = static_cast<char>(random());
    const auto file = ElfImage::OpenBytes(image);
    if (!file.ok()) continue;
    for (const Section& section : file->sections()) {
      for (const std::byte byte : section.data) ASSERT_LE(std::to_integer<int>(byte), 255);
    }
  }
}

}  // namespace
}  // namespace uprobed::elf
