#include "server/elf/dwarf_structs.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fmt/format.h>
#include <libelf.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>

#include "server/base/c_handle.h"
#include "server/base/errors.h"
#include "server/elf/byte_reader.h"
#include "server/elf/debug_image.h"

namespace uprobed::elf {
namespace {

using ElfHandle = CHandle<Elf, elf_end>;
using DwarfHandle = CHandle<Dwarf, dwarf_end>;

// A damaged file can make types refer to each other in a circle.
constexpr int kMaxTypedefs = 16;

absl::Status Malformed(const ElfFile& file) {
  const char* const reason = dwarf_errmsg(-1);
  return DwarfMalformed(file, reason == nullptr ? "unknown error" : reason);
}

// Debug sections are copied, and compressed ones say how large they become beside that: a small
// file must not be able to take all of the daemon's memory (see FileSnapshot::kMaxSize). The
// largest Go programs need two thirds of this.
constexpr uint64_t kMaxDebugSize = uint64_t{192} << 20;

// What libelf makes of a section; the larger of two where it could be taken for either.
uint64_t InflatedSize(const Section& section) {
  uint64_t size = 0;
  if (section.compressed) {
    if (const auto header = ValueAt<Elf64_Chdr>(section.data, 0)) size = header->ch_size;
  }
  if (section.name.starts_with(".zdebug_")) {
    // "ZLIB", then the size with the most significant byte first (GNU binutils).
    uint64_t of_gnu = 0;
    const auto header = ValueAt<std::array<uint8_t, 12>>(section.data, 0);
    for (size_t i = 4; header && i < header->size(); ++i) of_gnu = of_gnu << 8 | (*header)[i];
    size = std::max(size, of_gnu);
  }
  return size;
}

bool FitsInMemory(const ElfFile& file) {
  uint64_t left = kMaxDebugSize;
  for (const Section& section : file.sections()) {
    if (!IsDebugSection(section.name)) continue;
    for (const uint64_t size : {section.data.size(), InflatedSize(section)}) {
      if (size > left) return false;
      left -= size;
    }
  }
  return true;
}

// The compilation unit of a type: the Go compiler makes one a package and names it so.
// "net/http.Request" -> "net/http".
std::string_view PackageOf(std::string_view type_name) {
  const size_t slash = type_name.rfind('/');
  return type_name.substr(0, type_name.find('.', slash == std::string_view::npos ? 0 : slash));
}

// The struct behind a member's type, through typedefs; false where it is something else.
bool StructTypeOf(Dwarf_Die member, Dwarf_Die& result) {
  for (int i = 0; i < kMaxTypedefs; ++i) {
    Dwarf_Attribute attribute;
    if (dwarf_attr(&member, DW_AT_type, &attribute) == nullptr ||
        dwarf_formref_die(&attribute, &result) == nullptr) {
      return false;
    }
    if (dwarf_tag(&result) == DW_TAG_structure_type) return true;
    if (dwarf_tag(&result) != DW_TAG_typedef) return false;
    member = result;
  }
  return false;
}

// The direct member `name` of `type` and its offset.
std::optional<uint64_t> FindMember(Dwarf_Die type, std::string_view name, Dwarf_Die& member) {
  int next = dwarf_child(&type, &member);
  for (; next == 0; next = dwarf_siblingof(&member, &member)) {
    if (dwarf_tag(&member) != DW_TAG_member) continue;
    const char* member_name = dwarf_diename(&member);
    if (member_name == nullptr || name != member_name) continue;
    Dwarf_Attribute attribute;
    Dwarf_Word offset = 0;
    if (dwarf_attr(&member, DW_AT_data_member_location, &attribute) == nullptr ||
        dwarf_formudata(&attribute, &offset) != 0) {
      return std::nullopt;
    }
    return offset;
  }
  return std::nullopt;
}

// Offset of "a.b.c" from the start of `type`.
std::optional<uint32_t> OffsetOf(Dwarf_Die type, std::string_view path) {
  uint64_t offset = 0;
  while (true) {
    const size_t dot = path.find('.');
    Dwarf_Die member;
    const auto step = FindMember(type, path.substr(0, dot), member);
    if (!step || *step > UINT32_MAX - offset) return std::nullopt;
    offset += *step;
    if (dot == std::string_view::npos) return static_cast<uint32_t>(offset);
    if (!StructTypeOf(member, type)) return std::nullopt;
    path.remove_prefix(dot + 1);
  }
}

// One search over the units of a file.
class Search {
 public:
  explicit Search(const std::vector<StructMember>& members) {
    for (const StructMember& member : members) {
      missing_[member.struct_name].insert(member.member);
      packages_.insert(PackageOf(member.struct_name));
    }
  }

  // Looks through the units that are (or are not) named like the package of a wanted struct.
  // false where the DWARF can't be read.
  bool Run(Dwarf* dwarf, bool units_of_packages);

  // Gives up on the structs of packages whose unit held another wanted struct: their types are
  // where they belong, so what is missing there (runtime.hmap since Go 1.24) is nowhere.
  void ForgetAbsentStructs();

  bool done() const { return missing_.empty(); }
  // Whether a unit says that its entries are in a file of their own.
  bool saw_split_unit() const { return saw_split_unit_; }
  std::map<std::string, uint32_t> TakeOffsets() { return std::move(offsets_); }

 private:
  bool SearchUnit(Dwarf_Die unit);
  void TakeStruct(Dwarf_Die type);

  // What is still to be found, by struct. A struct is looked for until its first full definition.
  std::map<std::string, std::set<std::string>, std::less<>> missing_;
  std::set<std::string_view> packages_;
  std::set<std::string_view> packages_with_types_;
  std::map<std::string, uint32_t> offsets_;
  bool saw_split_unit_ = false;
};

void Search::TakeStruct(Dwarf_Die type) {
  const char* name = dwarf_diename(&type);
  if (name == nullptr || dwarf_hasattr(&type, DW_AT_declaration)) return;
  const auto wanted = missing_.find(std::string_view(name));
  if (wanted == missing_.end()) return;
  for (const std::string& member : wanted->second) {
    if (const auto offset = OffsetOf(type, member)) {
      offsets_[fmt::format("{}.{}", wanted->first, member)] = *offset;
    }
  }
  missing_.erase(wanted);
}

void Search::ForgetAbsentStructs() {
  std::erase_if(missing_, [this](const auto& wanted) {
    return packages_with_types_.contains(PackageOf(wanted.first));
  });
}

bool Search::SearchUnit(Dwarf_Die unit) {
  const size_t missing_before = missing_.size();
  Dwarf_Die entry;
  int next = dwarf_child(&unit, &entry);
  for (; next == 0 && !done(); next = dwarf_siblingof(&entry, &entry)) {
    if (dwarf_tag(&entry) == DW_TAG_structure_type) TakeStruct(entry);
  }
  const char* name = dwarf_diename(&unit);
  const auto package = packages_.find(name == nullptr ? "" : name);
  if (missing_.size() < missing_before && package != packages_.end()) {
    packages_with_types_.insert(*package);
  }
  return next >= 0;
}

bool Search::Run(Dwarf* dwarf, bool units_of_packages) {
  Dwarf_CU* cursor = nullptr;
  Dwarf_Die unit;
  int next = dwarf_get_units(dwarf, cursor, &cursor, nullptr, nullptr, &unit, nullptr);
  for (; next == 0 && !done();
       next = dwarf_get_units(dwarf, cursor, &cursor, nullptr, nullptr, &unit, nullptr)) {
    // DWARF 5, 3.1.2; before it was standardised GCC wrote the other attribute.
    saw_split_unit_ = saw_split_unit_ || dwarf_hasattr(&unit, DW_AT_dwo_name) != 0 ||
                      dwarf_hasattr(&unit, DW_AT_GNU_dwo_name) != 0;
    const char* name = dwarf_diename(&unit);
    const bool of_package = name != nullptr && packages_.contains(name);
    if (of_package == units_of_packages && !SearchUnit(unit)) return false;
  }
  return next >= 0;
}

}  // namespace

absl::StatusOr<std::map<std::string, uint32_t>> ReadStructOffsets(
    const ElfFile& file, const std::vector<StructMember>& members) {
  if (file.FindSection(".debug_info") == nullptr && file.FindSection(".zdebug_info") == nullptr) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "DWARF_MISSING",
                     file.name() +
                         " has no debug information; it was built with -ldflags=-w or "
                         "stripped",
                     {{"path", file.name()}});
  }
  if (!FitsInMemory(file)) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "DWARF_TOO_LARGE",
                     fmt::format("the debug information of {} has more than {} bytes; build the "
                                 "program with -ldflags=-w",
                                 file.name(), kMaxDebugSize),
                     {{"path", file.name()}});
  }
  ASSIGN_OR_RETURN(const DebugImage image, DebugImage::Make(file));
  elf_version(EV_CURRENT);
  const ElfHandle elf(
      elf_memory(reinterpret_cast<char*>(image.bytes().data()), image.bytes().size()));
  if (elf == nullptr) return Malformed(file);
  const DwarfHandle dwarf(dwarf_begin_elf(elf.get(), DWARF_C_READ, nullptr));
  if (dwarf == nullptr) return Malformed(file);

  Search search(members);
  // Units named like the packages first: they are few, and nearly always hold everything.
  for (const bool units_of_packages : {true, false}) {
    if (!search.done() && !search.Run(dwarf.get(), units_of_packages)) return Malformed(file);
    search.ForgetAbsentStructs();
  }
  std::map<std::string, uint32_t> offsets = search.TakeOffsets();
  if (offsets.empty() && search.saw_split_unit()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "DWARF_SPLIT",
                     file.name() +
                         " has its debug information in other files (.dwo), which are not read; "
                         "build the program without -gsplit-dwarf",
                     {{"path", file.name()}});
  }
  return offsets;
}

}  // namespace uprobed::elf
