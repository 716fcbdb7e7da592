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
#include "server/elf/elf_check.h"
#include "server/elf/file_snapshot.h"

namespace uprobed::elf {
namespace {

using ElfHandle = CHandle<Elf, elf_end>;

// libelf takes the bytes by a pointer that may write, and writes nothing as long as nobody asks it
// for the content of sections. Null where they are none of ELF.
ElfHandle OpenInMemory(std::span<const std::byte> bytes) {
  elf_version(EV_CURRENT);
  auto* const image = reinterpret_cast<char*>(const_cast<std::byte*>(bytes.data()));
  return ElfHandle(elf_memory(image, bytes.size()));
}

// More than any linker writes (Go: about ten). Whoever writes thousands, each as large as the file,
// wants a reader to spend its life in them.
constexpr size_t kMaxSegments = 256;
// ELF gABI, SHN_LORESERVE: beyond it, numbers of sections don't fit where they are used.
constexpr size_t kMaxSections = SHN_LORESERVE;
// The notes of a program have some hundred bytes.
constexpr uint64_t kMaxNotesSize = uint64_t{1} << 20;

struct Notes {
  std::span<const std::byte> data;
  uint64_t alignment = 0;
};

struct ProgramHeaders {
  std::vector<Segment> segments;  // PT_LOAD
  std::vector<Notes> notes;
  std::span<const std::byte> dynamic;
  bool has_interpreter = false;
};

absl::StatusOr<ProgramHeaders> ReadProgramHeaders(Elf* elf, std::span<const std::byte> bytes,
                                                  const std::string& name) {
  size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return Truncated(name, elf_errmsg(-1));
  if (count > kMaxSegments) return NotFromALinker(name, fmt::format("it has {} segments", count));
  ProgramHeaders result;
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(elf, static_cast<int>(i), &header) == nullptr) {
      return Truncated(name, elf_errmsg(-1));
    }
    const auto data = BytesAt(bytes, header.p_offset, header.p_filesz);
    if (header.p_type == PT_LOAD || header.p_type == PT_NOTE) {
      if (!data || header.p_vaddr + header.p_filesz < header.p_vaddr) {
        return Truncated(name, fmt::format("segment {} reaches beyond the file", i));
      }
    }
    if (header.p_type == PT_LOAD) {
      result.segments.push_back({.flags = header.p_flags,
                                 .address = header.p_vaddr,
                                 .file_offset = header.p_offset,
                                 .data = *data});
    } else if (header.p_type == PT_NOTE) {
      result.notes.push_back({.data = data->first(std::min(header.p_filesz, kMaxNotesSize)),
                              .alignment = header.p_align});
    } else if (header.p_type == PT_DYNAMIC) {
      result.dynamic = data.value_or(std::span<const std::byte>());
    } else if (header.p_type == PT_INTERP) {
      result.has_interpreter = true;
    }
  }
  return result;
}

// The value of the first entry `tag` of a dynamic section.
std::optional<uint64_t> FindDynamicEntry(std::span<const std::byte> dynamic, int64_t tag) {
  uint64_t offset = 0;
  while (const auto entry = ValueAt<Elf64_Dyn>(dynamic, offset)) {
    if (entry->d_tag == tag) return entry->d_un.d_val;
    if (entry->d_tag == DT_NULL) return std::nullopt;
    offset += sizeof(Elf64_Dyn);
  }
  return std::nullopt;
}

// A position-independent program and a shared library are of one ELF type. The program names a
// loader, or says in DT_FLAGS_1 that it is one (a static one, -static-pie).
bool IsSharedLibrary(uint16_t type, const ProgramHeaders& headers) {
  return type == ET_DYN && !headers.dynamic.empty() && !headers.has_interpreter &&
         (FindDynamicEntry(headers.dynamic, DT_FLAGS_1).value_or(0) & DF_1_PIE) == 0;
}

absl::StatusOr<std::vector<Section>> ReadSections(Elf* elf, std::span<const std::byte> bytes,
                                                  const std::string& name) {
  size_t names_index = 0;
  if (elf_getshdrstrndx(elf, &names_index) != 0) return Truncated(name, elf_errmsg(-1));
  size_t count = 0;
  if (elf_getshdrnum(elf, &count) != 0) return Truncated(name, elf_errmsg(-1));
  if (count > kMaxSections) return NotFromALinker(name, fmt::format("it has {} sections", count));
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
    sections[i].name = StringAt(names, name_offsets[i]).value_or("");
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

}  // namespace

struct ElfFile::State {
  UniqueFd fd;
  std::string name;
  FileSnapshot snapshot;
  uint16_t machine = EM_NONE;
  bool position_independent = false;
  ProgramHeaders headers;
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

  const ElfHandle elf = OpenInMemory(snapshot.bytes());
  if (elf == nullptr) return Truncated(name, elf_errmsg(-1));
  GElf_Ehdr header;
  if (gelf_getehdr(elf.get(), &header) == nullptr) return Truncated(name, elf_errmsg(-1));
  ASSIGN_OR_RETURN(ProgramHeaders headers, ReadProgramHeaders(elf.get(), snapshot.bytes(), name));
  if (IsSharedLibrary(header.e_type, headers)) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "BINARY_NOT_EXECUTABLE_TYPE", name,
                  "is a shared library or Go plugin, not a program; give the program that loads "
                  "it");
  }
  ASSIGN_OR_RETURN(std::vector<Section> sections, ReadSections(elf.get(), snapshot.bytes(), name));
  return ElfFile(std::make_unique<State>(State{.fd = std::move(fd),
                                               .name = name,
                                               .snapshot = std::move(snapshot),
                                               .machine = header.e_machine,
                                               .position_independent = header.e_type == ET_DYN,
                                               .headers = std::move(headers),
                                               .sections = std::move(sections)}));
}

ElfFile::ElfFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
ElfFile::ElfFile(ElfFile&&) noexcept = default;
ElfFile& ElfFile::operator=(ElfFile&&) noexcept = default;
ElfFile::~ElfFile() = default;

int ElfFile::fd() const { return state_->fd.get(); }
const std::string& ElfFile::name() const { return state_->name; }
uint64_t ElfFile::size() const { return state_->snapshot.bytes().size(); }
std::span<const std::byte> ElfFile::bytes() const { return state_->snapshot.bytes(); }
Architecture ElfFile::architecture() const {
  return state_->machine == EM_X86_64 ? Architecture::kAmd64 : Architecture::kArm64;
}
bool ElfFile::position_independent() const { return state_->position_independent; }
const std::vector<Section>& ElfFile::sections() const { return state_->sections; }
const std::vector<Segment>& ElfFile::segments() const { return state_->headers.segments; }

const Section* ElfFile::FindSection(std::string_view name) const {
  const auto found = std::find_if(state_->sections.begin(), state_->sections.end(),
                                  [name](const Section& section) { return section.name == name; });
  return found == state_->sections.end() ? nullptr : &*found;
}

std::optional<uint64_t> ElfFile::FileOffset(uint64_t address) const {
  for (const Segment& segment : segments()) {
    if (address >= segment.address && address - segment.address < segment.data.size()) {
      return segment.file_offset + (address - segment.address);
    }
  }
  return std::nullopt;
}

std::optional<std::span<const std::byte>> ElfFile::ReadAddress(uint64_t address,
                                                               uint64_t size) const {
  for (const Segment& segment : segments()) {
    if (address < segment.address) continue;
    if (const auto found = BytesAt(segment.data, address - segment.address, size)) return found;
  }
  return std::nullopt;
}

std::optional<uint64_t> ElfFile::DynamicEntry(int64_t tag) const {
  return FindDynamicEntry(state_->headers.dynamic, tag);
}

std::optional<std::string> ElfFile::FindNote(std::string_view owner, uint32_t type) const {
  for (const Notes& notes : state_->headers.notes) {
    if (auto note = FindNoteIn(notes.data, notes.alignment, owner, type)) return note;
  }
  return std::nullopt;
}

}  // namespace uprobed::elf
