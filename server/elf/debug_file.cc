#include "server/elf/debug_file.h"

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/base/errors.h"
#include "server/elf/byte_reader.h"

namespace uprobed::elf {
namespace {

// Of the names of all sections; Go's have some hundred bytes.
constexpr size_t kMaxNamesSize = size_t{64} << 10;

absl::Status Fail(const ElfFile& file) {
  return MakeErrnoError(errno, "BINARY_READ_FAILED",
                        "copy the debug information of " + file.name());
}

// What of the part is in the file.
absl::Status Copy(const ElfFile& file, uint64_t offset, uint64_t size, int to) {
  const std::span<const std::byte> bytes = file.bytes();
  if (offset >= bytes.size()) return absl::OkStatus();
  std::span<const std::byte> left =
      bytes.subspan(offset).first(std::min(size, bytes.size() - offset));
  while (!left.empty()) {
    const ssize_t count = ::pwrite(to, left.data(), left.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Fail(file);
    left = left.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> MakeDebugFile(const ElfFile& file) {
  UniqueFd copy(::memfd_create("uprobed-debug", MFD_CLOEXEC));
  if (!copy.valid() || ::ftruncate(copy.get(), static_cast<off_t>(file.size())) != 0) {
    return Fail(file);
  }
  const auto header = ValueAt<Elf64_Ehdr>(file.bytes(), 0);
  if (!header.has_value()) return copy;
  RETURN_IF_ERROR(Copy(file, 0, sizeof(Elf64_Ehdr), copy.get()));
  RETURN_IF_ERROR(Copy(file, header->e_phoff, header->e_phnum * sizeof(Elf64_Phdr), copy.get()));
  // One more than there are sections: the first has no name, and says how many there are where the
  // header has no room for it.
  RETURN_IF_ERROR(
      Copy(file, header->e_shoff, (file.sections().size() + 1) * sizeof(Elf64_Shdr), copy.get()));
  const std::vector<Section>& sections = file.sections();
  const size_t names = header->e_shstrndx;  // an index of ELF's, where 0 is none
  for (size_t index = 1; index <= sections.size(); ++index) {
    const Section& section = sections[index - 1];
    const bool is_names = index == names && section.data.size() <= kMaxNamesSize;
    if (!is_names && !IsDebugSection(section.name)) continue;
    RETURN_IF_ERROR(Copy(file, section.file_offset, section.data.size(), copy.get()));
  }
  return copy;
}

}  // namespace uprobed::elf
