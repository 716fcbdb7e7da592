#ifndef UPROBED_TESTS_UNIT_ELF_ELF_IMAGE_H_
#define UPROBED_TESTS_UNIT_ELF_ELF_IMAGE_H_

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"
#include "server/elf/elf_file.h"

namespace uprobed::elf {

// Appends the bytes of `value` to `bytes`.
template <typename T>
void Append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Overwrites the bytes at `offset` with those of `value`.
template <typename T>
void Patch(std::string& bytes, size_t offset, const T& value) {
  if (offset + sizeof(value) > bytes.size()) throw std::out_of_range("Patch");
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

// Makes small ELF files to read: one loaded segment holds the whole file, section headers last.
class ElfImage {
 public:
  static constexpr uint64_t kBase = 0x400000;
  static constexpr size_t kLoadHeader = sizeof(Elf64_Ehdr);
  static constexpr size_t kNoteHeader = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);

  ElfImage() : bytes_(sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr), '\0') {}

  uint16_t machine = EM_X86_64;
  uint16_t type = ET_EXEC;
  uint32_t load_flags = PF_R | PF_X;
  size_t extra_loads = 0;  // segments more that hold the whole file, too
  // Program headers besides, behind those of the image.
  std::vector<Elf64_Phdr> more_headers;

  // Adds a section and returns its address.
  uint64_t Add(const std::string& name, std::string_view content,
               uint32_t section_type = SHT_PROGBITS) {
    bytes_.resize((bytes_.size() + 31) / 32 * 32);
    Elf64_Shdr header{};
    header.sh_name = static_cast<uint32_t>(names_.size());
    header.sh_type = section_type;
    header.sh_offset = bytes_.size();
    header.sh_addr = kBase + bytes_.size();
    header.sh_size = content.size();
    header.sh_addralign = 1;
    names_ += name + '\0';
    bytes_ += content;
    headers_.push_back(header);
    return header.sh_addr;
  }

  // Adds a section of notes, found through its own segment.
  void AddNotes(std::string_view content, uint64_t alignment) {
    notes_address_ = Add(".note", content, SHT_NOTE);
    notes_size_ = content.size();
    notes_alignment_ = alignment;
  }

  // The file. Offsets of its headers are below.
  std::string Build() const {
    std::string bytes = bytes_;
    std::vector<Elf64_Shdr> headers = headers_;
    Elf64_Shdr names{};
    names.sh_name = static_cast<uint32_t>(names_.size());
    names.sh_type = SHT_STRTAB;
    names.sh_offset = bytes.size();
    names.sh_size = names_.size() + sizeof(".shstrtab");
    names.sh_addralign = 1;
    headers.push_back(names);
    bytes += names_;
    bytes.append(".shstrtab", sizeof(".shstrtab"));
    bytes.resize((bytes.size() + 7) / 8 * 8);

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = type;
    header.e_machine = machine;
    header.e_version = EV_CURRENT;
    header.e_phoff = kLoadHeader;
    header.e_phnum = 2;
    if (extra_loads != 0 || !more_headers.empty()) {
      // There is room for two at the start only: all go to the end.
      header.e_phoff = bytes.size();
      header.e_phnum = static_cast<uint16_t>(2 + extra_loads + more_headers.size());
      bytes.resize(bytes.size() + header.e_phnum * sizeof(Elf64_Phdr));
    }
    header.e_shoff = bytes.size();
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<uint16_t>(headers.size() + 1);
    header.e_shstrndx = static_cast<uint16_t>(headers.size());
    Append(bytes, Elf64_Shdr{});
    for (const Elf64_Shdr& section : headers) Append(bytes, section);
    Patch(bytes, 0, header);
    std::vector<Elf64_Phdr> program_headers = {Load(bytes.size()), Notes()};
    program_headers.insert(program_headers.end(), extra_loads, Load(bytes.size()));
    program_headers.insert(program_headers.end(), more_headers.begin(), more_headers.end());
    for (size_t i = 0; i < program_headers.size(); ++i) {
      Patch(bytes, header.e_phoff + i * sizeof(Elf64_Phdr), program_headers[i]);
    }
    return bytes;
  }

  // Where Build() puts the header of section number `index`; 1 is the first one added.
  static size_t SectionHeader(const std::string& image, size_t index) {
    Elf64_Ehdr header;
    std::memcpy(&header, image.data(), sizeof(header));
    return header.e_shoff + index * sizeof(Elf64_Shdr);
  }

  absl::StatusOr<ElfFile> Open() const { return OpenBytes(Build()); }

  // Opens `bytes` as if they were a file.
  static absl::StatusOr<ElfFile> OpenBytes(std::string_view bytes) {
    UniqueFd fd(::memfd_create("image", MFD_CLOEXEC));
    const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
    if (written != static_cast<ssize_t>(bytes.size())) throw std::runtime_error("write image");
    return ElfFile::FromFd(std::move(fd), "image");
  }

 private:
  Elf64_Phdr Load(uint64_t size) const {
    Elf64_Phdr header{};
    header.p_type = PT_LOAD;
    header.p_flags = load_flags;
    header.p_vaddr = kBase;
    header.p_filesz = size;
    header.p_memsz = size;
    header.p_align = 0x1000;
    return header;
  }
  Elf64_Phdr Notes() const {
    Elf64_Phdr header{};
    header.p_type = notes_address_ == 0 ? uint32_t{PT_NULL} : uint32_t{PT_NOTE};
    header.p_vaddr = notes_address_;
    header.p_offset = notes_address_ == 0 ? 0 : notes_address_ - kBase;
    header.p_filesz = notes_size_;
    header.p_align = notes_alignment_;
    return header;
  }

  std::string bytes_;
  std::string names_ = std::string(1, '\0');
  std::vector<Elf64_Shdr> headers_;
  uint64_t notes_address_ = 0;
  uint64_t notes_size_ = 0;
  uint64_t notes_alignment_ = 4;
};

}  // namespace uprobed::elf

#endif  // UPROBED_TESTS_UNIT_ELF_ELF_IMAGE_H_
