#include "server/elf/elf_check.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "server/base/errors.h"
#include "server/elf/byte_reader.h"

namespace uprobed::elf {
namespace {

bool SectionHeadersFit(const Elf64_Ehdr& header, std::span<const std::byte> bytes) {
  if (header.e_shoff == 0) return true;
  if (header.e_shentsize != sizeof(Elf64_Shdr)) return false;
  uint64_t count = header.e_shnum;
  if (count == 0) {
    // More than 65279 sections: the number is in the first header (ELF gABI, "e_shnum").
    const auto first = ValueAt<Elf64_Shdr>(bytes, header.e_shoff);
    if (!first) return false;
    count = std::max<uint64_t>(first->sh_size, 1);
  }
  return header.e_shoff <= bytes.size() &&
         count <= (bytes.size() - header.e_shoff) / sizeof(Elf64_Shdr);
}

// UPX writes its mark behind the program headers and removes the section headers (upx,
// src/stub/src/include/linux.h, struct l_info: checksum, then "UPX!").
bool IsPacked(const Elf64_Ehdr& header, std::span<const std::byte> bytes) {
  if (header.e_shnum != 0 || header.e_phoff > bytes.size()) return false;
  constexpr uint64_t kAlignment = 256;
  const uint64_t end = header.e_phoff + uint64_t{header.e_phnum} * sizeof(Elf64_Phdr) + kAlignment;
  const std::string_view start = AsText(bytes.first(std::min<uint64_t>(end, bytes.size())));
  return start.find("UPX!", sizeof(Elf64_Ehdr)) != std::string_view::npos;
}

}  // namespace

absl::Status Refuse(absl::StatusCode code, std::string_view reason, const std::string& name,
                    std::string_view what) {
  return MakeError(code, reason, fmt::format("{} {}", name, what), {{"path", name}});
}

absl::Status Truncated(const std::string& name, std::string_view what) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "BINARY_TRUNCATED", name,
                fmt::format("is cut short or damaged: {}; build or copy it again", what));
}

absl::Status NotFromALinker(const std::string& name, std::string_view what) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "BINARY_MALFORMED", name,
                fmt::format("can't be read: {}, more than any linker writes; build it again "
                            "without tools that rewrite it",
                            what));
}

absl::Status OpenError(int error_number, const std::string& path) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return Refuse(absl::StatusCode::kNotFound, "BINARY_NOT_FOUND", path,
                    "does not exist; check the path as the daemon sees it (its mount namespace)");
    case EACCES:
    case EPERM:
      return Refuse(absl::StatusCode::kPermissionDenied, "BINARY_NOT_READABLE", path,
                    "can't be read by the daemon; give it read permission on the file");
    case ENXIO:  // a socket, or a device without a driver
    case ENODEV:
    case ELOOP:
    case EISDIR:
      return Refuse(absl::StatusCode::kInvalidArgument, "BINARY_NOT_REGULAR_FILE", path,
                    "is not a regular file; give the path of a compiled Go program");
    default:
      return MakeErrnoError(error_number, "BINARY_NOT_READABLE", "open " + path);
  }
}

absl::Status CheckHeader(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() < SELFMAG || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) {
    return Refuse(absl::StatusCode::kInvalidArgument, "BINARY_NOT_ELF", name,
                  "is not an ELF file; give the path of a compiled Go program");
  }
  const auto ident = ValueAt<std::array<uint8_t, EI_NIDENT>>(bytes, 0);
  if (!ident) return Truncated(name, "its ELF header is incomplete");
  if ((*ident)[EI_CLASS] != ELFCLASS64 || (*ident)[EI_DATA] != ELFDATA2LSB) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "BINARY_ARCHITECTURE_UNSUPPORTED", name,
                  "is not a 64-bit little-endian ELF file; build it with GOARCH=amd64 or arm64");
  }
  const auto header = ValueAt<Elf64_Ehdr>(bytes, 0);
  if (!header) return Truncated(name, "its ELF header is incomplete");
  if (header->e_machine != EM_X86_64 && header->e_machine != EM_AARCH64) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "BINARY_ARCHITECTURE_UNSUPPORTED", name,
                  fmt::format("is built for ELF machine {}; build it with GOARCH=amd64 or arm64",
                              header->e_machine));
  }
  if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "BINARY_NOT_EXECUTABLE_TYPE", name,
                  "is an object or core file, not an executable; give the linked program");
  }
  if (header->e_phoff != 0 && header->e_phnum != 0 &&
      (header->e_phentsize != sizeof(Elf64_Phdr) ||
       !BytesAt(bytes, header->e_phoff, uint64_t{header->e_phnum} * sizeof(Elf64_Phdr)))) {
    return Truncated(name, "its program headers are not all in the file");
  }
  if (!SectionHeadersFit(*header, bytes)) {
    return Truncated(name, "its section headers are not all in the file");
  }
  if (IsPacked(*header, bytes)) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "BINARY_PACKED", name,
                  "is packed by UPX, so that its code exists in memory only; unpack it (upx -d), "
                  "and run and give the unpacked program");
  }
  return absl::OkStatus();
}

}  // namespace uprobed::elf
