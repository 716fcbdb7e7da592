#include "server/elf/relocation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/elf/elf_image.h"

namespace uprobed::elf {
namespace {

using ::testing::Contains;
using ::testing::Pair;

std::string Word(uint64_t value) {
  std::string bytes;
  Append(bytes, value);
  return bytes;
}

Elf64_Rela Relative(uint64_t place, uint64_t value, uint64_t type = R_X86_64_RELATIVE) {
  return {.r_offset = place,
          .r_info = ELF64_R_INFO(0, type),
          .r_addend = static_cast<Elf64_Sxword>(value)};
}

// A position-independent program with one word that a relocation sets, found through the dynamic
// section only, as the loader finds it.
struct Relocated {
  explicit Relocated(uint16_t machine = EM_X86_64) {
    image.machine = machine;
    image.type = ET_DYN;
    image.load_flags = PF_R | PF_W;
    word = image.Add(".data", Word(0));
    std::string table;
    Append(table,
           Relative(word, 0x1234, machine == EM_X86_64 ? R_X86_64_RELATIVE : R_AARCH64_RELATIVE));
    // What is RELATIVE on the other architecture is something else here.
    Append(table,
           Relative(word, 0x55, machine == EM_X86_64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE));
    // Of another type, for example a symbol of a library: no pointer that is known.
    Append(table, Elf64_Rela{.r_offset = word, .r_info = R_X86_64_GLOB_DAT, .r_addend = 0x77});
    const uint64_t table_address = image.Add(".renamed", table);
    std::string dynamic;
    for (const auto& [tag, value] : std::map<int64_t, uint64_t>{
             {DT_RELA, table_address}, {DT_RELASZ, table.size()}, {DT_FLAGS_1, DF_1_PIE}}) {
      Append(dynamic, tag);
      Append(dynamic, value);
    }
    Elf64_Phdr header{};
    header.p_type = PT_DYNAMIC;
    header.p_offset = image.Add(".dynamic", dynamic) - ElfImage::kBase;
    header.p_filesz = dynamic.size();
    image.more_headers.push_back(header);
  }

  ElfImage image;
  uint64_t word = 0;
};

TEST(Relocation, HasTheNumberOfItsArchitecture) {
  const Relocated program(EM_AARCH64);
  const auto file = program.image.Open();
  ASSERT_TRUE(file.ok()) << file.status();

  EXPECT_EQ(ReadPointer(*file, program.word), 0x1234u);
}

TEST(Relocation, IsFoundAsTheLoaderFindsIt) {
  const Relocated program;
  const auto file = program.image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReadPointer(*file, program.word), 0x1234U);
}

TEST(Relocation, IsNoneOfAProgramWithFixedAddresses) {
  Relocated program;
  program.image.type = ET_EXEC;
  const auto file = program.image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ReadPointer(*file, program.word), 0U);
  EXPECT_EQ(ReadPointer(*file, UINT64_MAX - 4), std::nullopt);
}

TEST(Relocation, IsAppliedToACopyOfBytes) {
  const Relocated program;
  const auto file = program.image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  const auto bytes = file->ReadAddress(program.word - 8, 24);
  ASSERT_TRUE(bytes.has_value());
  const std::vector<std::byte> copy = Relocate(*file, program.word - 8, *bytes);
  uint64_t value = 0;
  std::memcpy(&value, copy.data() + 8, sizeof(value));
  EXPECT_EQ(value, 0x1234U);
  // Only a part of the word is in these.
  for (const auto& [offset, size] : {std::pair(4U, 8U), std::pair(8U, 7U)}) {
    const auto part = bytes->subspan(offset, size);
    EXPECT_EQ(Relocate(*file, program.word - 8 + offset, part),
              std::vector<std::byte>(part.begin(), part.end()));
  }
}

TEST(Relocation, AndWordsOfWritableSegmentsAreVisited) {
  Relocated program;
  const uint64_t plain = program.image.Add(".data", Word(0x5678));
  const auto file = program.image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<std::pair<uint64_t, uint64_t>> visited;
  VisitPointers(*file, [&visited](uint64_t address, uint64_t value) {
    visited.emplace_back(address, value);
    return false;
  });
  EXPECT_THAT(visited, Contains(Pair(program.word, 0x1234U)));
  EXPECT_THAT(visited, Contains(Pair(plain, 0x5678U)));
}

TEST(Relocation, VisitsNoMoreWordsThanTheFileHas) {
  ElfImage image;
  image.load_flags = PF_R | PF_W;
  image.Add(".data", std::string(4096, 'x'));
  image.extra_loads = 100;  // each is the whole file once more
  const auto file = image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  uint64_t visits = 0;
  VisitPointers(*file, [&visits](uint64_t, uint64_t) {
    ++visits;
    return false;
  });
  EXPECT_GE(visits, 4096U / 8);
  EXPECT_LE(visits, file->size() / 8);
}

TEST(Relocation, EndsItsVisitsWhenTold) {
  Relocated program;
  program.image.Add(".data", Word(0x5678));
  const auto file = program.image.Open();
  ASSERT_TRUE(file.ok()) << file.status();
  uint64_t visits = 0;
  VisitPointers(*file, [&visits](uint64_t, uint64_t) { return ++visits == 1; });
  EXPECT_EQ(visits, 1U);
}

}  // namespace
}  // namespace uprobed::elf
