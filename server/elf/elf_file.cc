#include "server/elf/elf_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "server/base/c_handle.h"
#include "server/base/errors.h"
#include "server/elf/byte_reader.h"
#include "server/elf/file_snapshot.h"

namespace uprobed::elf {
namespace {

using ElfHandle = CHandle<Elf, elf_end>;

struct Segment {
  uint32_t type = 0;
  uint64_t address = 0;
  uint64_t file_offset = 0;
  uint64_t file_size = 0;
  uint64_t alignment = 0;
};

absl::Status Refuse(absl::StatusCode code, std::string_view reason, const std::string& name,
                    std::string_view what) {
  return MakeError(code, reason, fmt::format("{} {}", name, what), {{"path", name}});
}

absl::Status Truncated(const std::string& name, std::string_view what) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "BINARY_TRUNCATED", name,
                fmt::format("is cut short or damaged: {}; build or copy it again", what));
}

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

// What libelf must not be asked about: another kind of file, or another kind of ELF.
absl::Status CheckHeader(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() < SELFMAG || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) {
    return Refuse(absl::StatusCode::kInvalidArgument, "BINARY_NOT_ELF", name,
                  "is not an ELF file; give the path of a compiled Go program");
  }
  const auto ident = ValueAt<std::array<uint8_t, EI_NIDENT>>(bytes, 0);
  if (!ident) return Truncated(name, "its ELF header is incomplete");
  if ((*ident)[EI_CLASS] != ELFCLASS64 || (*ident)[EI_DATA] != ELFDATA2LSB) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "BINARY_ARCHITECTURE_UNSUPPORTED", name,
                  "is not a 64-bit little-endian ELF file; only amd64 and arm64 are supported");
  }
  const auto header = ValueAt<Elf64_Ehdr>(bytes, 0);
  if (!header) return Truncated(name, "its ELF header is incomplete");
  if (header->e_machine != EM_X86_64 && header->e_machine != EM_AARCH64) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "BINARY_ARCHITECTURE_UNSUPPORTED", name,
                  fmt::format("is built for ELF machine {}; only amd64 and arm64 are supported",
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
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Segment>> ReadSegments(Elf* elf, uint64_t file_size,
                                                  const std::string& name) {
  size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return Truncated(name, elf_errmsg(-1));
  std::vector<Segment> segments;
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(elf, static_cast<int>(i), &header) == nullptr) {
      return Truncated(name, elf_errmsg(-1));
    }
    if (header.p_type != PT_LOAD && header.p_type != PT_NOTE) continue;
    if (header.p_offset > file_size || header.p_filesz > file_size - header.p_offset ||
        header.p_vaddr + header.p_filesz < header.p_vaddr) {
      return Truncated(name, fmt::format("segment {} reaches beyond the file", i));
    }
    segments.push_back({.type = header.p_type,
                        .address = header.p_vaddr,
                        .file_offset = header.p_offset,
                        .file_size = header.p_filesz,
                        .alignment = header.p_align});
  }
  return segments;
}

absl::StatusOr<std::vector<Section>> ReadSections(Elf* elf, std::span<const std::byte> bytes,
                                                  const std::string& name) {
  size_t names_index = 0;
  if (elf_getshdrstrndx(elf, &names_index) != 0) return Truncated(name, elf_errmsg(-1));
  std::vector<Section> sections;
  std::vector<uint32_t> name_offsets;
  std::span<const std::byte> names;
  for (Elf_Scn* scn = elf_nextscn(elf, nullptr); scn != nullptr; scn = elf_nextscn(elf, scn)) {
    GElf_Shdr header;
    if (gelf_getshdr(scn, &header) == nullptr) return Truncated(name, elf_errmsg(-1));
    Section section{.name = {},
                    .address = header.sh_addr,
                    .file_offset = header.sh_offset,
                    .size = header.sh_size,
                    .compressed = (header.sh_flags & SHF_COMPRESSED) != 0,
                    .data = {}};
    if (header.sh_type != SHT_NOBITS && header.sh_type != SHT_NULL) {
      const auto data = BytesAt(bytes, header.sh_offset, header.sh_size);
      if (!data) {
        return Truncated(name, fmt::format("section {} reaches beyond the file", elf_ndxscn(scn)));
      }
      section.data = *data;
    }
    if (elf_ndxscn(scn) == names_index) names = section.data;
    sections.push_back(section);
    name_offsets.push_back(header.sh_name);
  }
  for (size_t i = 0; i < sections.size(); ++i) {
    // A section without a readable name can't be looked up; nothing else depends on the name.
    sections[i].name = std::string(StringAt(names, name_offsets[i]).value_or(""));
  }
  return sections;
}

// Walks the notes in `data` (ELF gABI "Note Section": three words, then name and content, each
// padded to the alignment).
std::optional<std::string> FindNoteIn(std::span<const std::byte> data, uint64_t alignment,
                                      std::string_view owner, uint32_t type) {
  const uint64_t padding = alignment == 8 ? 8 : 4;
  const auto aligned = [padding](uint64_t size) {
    return (size + padding - 1) / padding * padding;
  };
  uint64_t offset = 0;
  while (const auto header = ValueAt<Elf64_Nhdr>(data, offset)) {
    const uint64_t name_offset = offset + sizeof(Elf64_Nhdr);
    const uint64_t content_offset = aligned(name_offset + header->n_namesz);
    const auto note_name = BytesAt(data, name_offset, header->n_namesz);
    const auto content = BytesAt(data, content_offset, header->n_descsz);
    if (!note_name || !content) return std::nullopt;
    std::string_view text = AsText(*note_name);
    while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
    if (text == owner && header->n_type == type) return std::string(AsText(*content));
    offset = aligned(content_offset + header->n_descsz);
  }
  return std::nullopt;
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

}  // namespace

struct ElfFile::State {
  UniqueFd fd;
  std::string name;
  FileSnapshot snapshot;
  uint16_t machine = EM_NONE;
  bool position_independent = false;
  std::vector<Segment> segments;
  std::vector<Section> sections;
};

absl::StatusOr<ElfFile> ElfFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO for reading waits for a writer otherwise.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return OpenError(errno, path);
  return FromFd(std::move(fd), path);
}

absl::StatusOr<ElfFile> ElfFile::FromFd(UniqueFd fd, const std::string& name) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return MakeErrnoError(errno, "BINARY_NOT_READABLE", "look at " + name);
  }
  if (!S_ISREG(status.st_mode)) {
    return Refuse(absl::StatusCode::kInvalidArgument, "BINARY_NOT_REGULAR_FILE", name,
                  "is not a regular file; give the path of a compiled Go program");
  }
  // The header is looked at alone first, so that a huge file of another kind is not read at all.
  std::array<std::byte, sizeof(Elf64_Ehdr)> start{};
  const ssize_t count = ::pread(fd.get(), start.data(), start.size(), 0);
  if (count < 0) return MakeErrnoError(errno, "BINARY_READ_FAILED", "read " + name);
  if (count < SELFMAG || std::memcmp(start.data(), ELFMAG, SELFMAG) != 0) {
    return CheckHeader(std::span(start).first(static_cast<size_t>(count)), name);
  }
  ASSIGN_OR_RETURN(FileSnapshot snapshot,
                   FileSnapshot::Take(fd.get(), static_cast<uint64_t>(status.st_size), name));
  RETURN_IF_ERROR(CheckHeader(snapshot.bytes(), name));

  elf_version(EV_CURRENT);
  const ElfHandle elf(elf_begin(snapshot.fd(), ELF_C_READ, nullptr));
  if (elf == nullptr) return Truncated(name, elf_errmsg(-1));
  GElf_Ehdr header;
  if (gelf_getehdr(elf.get(), &header) == nullptr) return Truncated(name, elf_errmsg(-1));
  ASSIGN_OR_RETURN(std::vector<Segment> segments,
                   ReadSegments(elf.get(), snapshot.bytes().size(), name));
  ASSIGN_OR_RETURN(std::vector<Section> sections, ReadSections(elf.get(), snapshot.bytes(), name));
  return ElfFile(std::make_unique<State>(State{.fd = std::move(fd),
                                               .name = name,
                                               .snapshot = std::move(snapshot),
                                               .machine = header.e_machine,
                                               .position_independent = header.e_type == ET_DYN,
                                               .segments = std::move(segments),
                                               .sections = std::move(sections)}));
}

ElfFile::ElfFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
ElfFile::ElfFile(ElfFile&&) noexcept = default;
ElfFile& ElfFile::operator=(ElfFile&&) noexcept = default;
ElfFile::~ElfFile() = default;

int ElfFile::fd() const { return state_->fd.get(); }
int ElfFile::snapshot_fd() const { return state_->snapshot.fd(); }
const std::string& ElfFile::name() const { return state_->name; }
uint64_t ElfFile::size() const { return state_->snapshot.bytes().size(); }
std::span<const std::byte> ElfFile::bytes() const { return state_->snapshot.bytes(); }
std::string_view ElfFile::architecture() const {
  return state_->machine == EM_X86_64 ? "amd64" : "arm64";
}
bool ElfFile::position_independent() const { return state_->position_independent; }
const std::vector<Section>& ElfFile::sections() const { return state_->sections; }

const Section* ElfFile::FindSection(std::string_view name) const {
  const auto found = std::find_if(state_->sections.begin(), state_->sections.end(),
                                  [name](const Section& section) { return section.name == name; });
  return found == state_->sections.end() ? nullptr : &*found;
}

std::optional<uint64_t> ElfFile::FileOffset(uint64_t address) const {
  for (const Segment& segment : state_->segments) {
    if (segment.type == PT_LOAD && address >= segment.address &&
        address - segment.address < segment.file_size) {
      return segment.file_offset + (address - segment.address);
    }
  }
  return std::nullopt;
}

std::optional<std::span<const std::byte>> ElfFile::ReadAddress(uint64_t address,
                                                               uint64_t size) const {
  for (const Segment& segment : state_->segments) {
    if (segment.type != PT_LOAD || address < segment.address) continue;
    const auto content = BytesAt(bytes(), segment.file_offset, segment.file_size);
    if (!content) continue;
    if (const auto found = BytesAt(*content, address - segment.address, size)) return found;
  }
  return std::nullopt;
}

std::optional<std::string> ElfFile::FindNote(std::string_view owner, uint32_t type) const {
  for (const Segment& segment : state_->segments) {
    if (segment.type != PT_NOTE) continue;
    const auto data = BytesAt(bytes(), segment.file_offset, segment.file_size);
    if (!data) continue;
    if (auto note = FindNoteIn(*data, segment.alignment, owner, type)) return note;
  }
  return std::nullopt;
}

}  // namespace uprobed::elf
