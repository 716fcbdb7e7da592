#include "server/elf/debug_image.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/base/errors.h"
#include "server/elf/byte_reader.h"

namespace uprobed::elf {
namespace {

// Of the names of all sections; Go's have some hundred bytes.
constexpr size_t kMaxNamesSize = size_t{64} << 10;

template <typename T>
void Put(std::span<std::byte> to, uint64_t offset, const T& value) {
  std::memcpy(to.data() + offset, &value, sizeof(value));
}

}  // namespace

absl::Status DwarfMalformed(const ElfFile& file, std::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "DWARF_MALFORMED",
                   fmt::format("the debug information of {} can't be read: {}; build the program "
                               "again",
                               file.name(), what),
                   {{"path", file.name()}});
}

void DebugImage::Unmap::operator()(std::byte* memory) const noexcept { ::munmap(memory, size); }

absl::StatusOr<DebugImage> DebugImage::Make(const ElfFile& file) {
  const std::span<const std::byte> bytes = file.bytes();
  const std::vector<Section>& sections = file.sections();
  std::optional<Elf64_Ehdr> header = ValueAt<Elf64_Ehdr>(bytes, 0);
  const size_t count = sections.size() + 1;  // the first of ELF's is none
  if (!header || header->e_shentsize != sizeof(Elf64_Shdr) || count >= SHN_LORESERVE ||
      header->e_shoff > bytes.size() ||
      count * sizeof(Elf64_Shdr) > bytes.size() - header->e_shoff) {
    return DwarfMalformed(file, "its section headers are not as a linker writes them");
  }
  const size_t names = header->e_shstrndx;
  if (names == 0 || names >= count || sections[names - 1].compressed ||
      sections[names - 1].data.size() > kMaxNamesSize) {
    return DwarfMalformed(file, "the names of its sections are not as a linker writes them");
  }

  void* const address = ::mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    return MakeErrnoError(errno, "BINARY_READ_FAILED",
                          "copy the debug information of " + file.name());
  }
  DebugImage image(
      std::unique_ptr<std::byte, Unmap>(static_cast<std::byte*>(address), Unmap{bytes.size()}));
  const auto is_wanted = [&](size_t index) {
    if (index == 0 || sections[index - 1].data.empty()) return false;
    return index == names || IsDebugSection(sections[index - 1].name);
  };
  for (size_t index = 0; index < count; ++index) {
    if (!is_wanted(index)) continue;
    const Section& section = sections[index - 1];
    std::memcpy(image.bytes().data() + section.file_offset, section.data.data(),
                section.data.size());
  }
  // Behind the content, which a damaged header may say to be in their place.
  for (size_t index = 0; index < count; ++index) {
    const uint64_t offset = header->e_shoff + index * sizeof(Elf64_Shdr);
    const auto of_binary = ValueAt<Elf64_Shdr>(bytes, offset);
    Put(image.bytes(), offset, of_binary && is_wanted(index) ? *of_binary : Elf64_Shdr{});
  }
  header->e_shnum = static_cast<Elf64_Half>(count);
  header->e_phoff = 0;
  header->e_phnum = 0;
  Put(image.bytes(), 0, *header);
  return image;
}

}  // namespace uprobed::elf
