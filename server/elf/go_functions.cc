#include "server/elf/go_functions.h"

#include <elf.h>

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "server/elf/byte_reader.h"
#include "server/elf/pclntab.h"

namespace uprobed::elf {
namespace {

// A function's place in .symtab, by address.
struct SymbolEntry {
  uint64_t address;
  uint32_t index;
};

// Views of .symtab and .strtab with the functions in order of address.
class SymbolTable {
 public:
  // nullopt where the table is missing or holds no function of the Go runtime: a tool can leave
  // the C symbols and remove the others.
  static std::optional<SymbolTable> Read(const ElfFile& file);

  uint64_t count() const { return functions_.size(); }
  std::optional<Pclntab::Function> At(uint64_t i) const { return At(functions_[i]); }

  std::optional<std::string_view> NameAtEntry(uint64_t address) const {
    auto entry = std::lower_bound(
        functions_.begin(), functions_.end(), address,
        [](const SymbolEntry& symbol, uint64_t wanted) { return symbol.address < wanted; });
    for (; entry != functions_.end() && entry->address == address; ++entry) {
      // Markers such as runtime.text share the first function's address and have no size.
      const auto function = At(*entry);
      if (function && function->size != 0) return function->name;
    }
    return std::nullopt;
  }

 private:
  std::optional<Elf64_Sym> SymbolAt(uint64_t index) const {
    return ValueAt<Elf64_Sym>(symbols_, index * sizeof(Elf64_Sym));
  }
  std::optional<Pclntab::Function> At(const SymbolEntry& entry) const {
    const auto symbol = SymbolAt(entry.index);
    if (!symbol) return std::nullopt;
    const auto name = StringAt(names_, symbol->st_name);
    if (!name) return std::nullopt;
    return Pclntab::Function{.name = *name, .address = symbol->st_value, .size = symbol->st_size};
  }

  std::span<const std::byte> symbols_;
  std::span<const std::byte> names_;
  std::vector<SymbolEntry> functions_;
};

std::optional<SymbolTable> SymbolTable::Read(const ElfFile& file) {
  const Section* symbols = file.FindSection(".symtab");
  const Section* names = file.FindSection(".strtab");
  if (symbols == nullptr || names == nullptr) return std::nullopt;
  SymbolTable table;
  table.symbols_ = symbols->data;
  table.names_ = names->data;
  const uint64_t count = symbols->data.size() / sizeof(Elf64_Sym);
  bool has_go = false;
  for (uint64_t i = 0; i < count && i <= UINT32_MAX; ++i) {
    const auto symbol = table.SymbolAt(i);
    if (!symbol || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF) {
      continue;
    }
    table.functions_.push_back({.address = symbol->st_value, .index = static_cast<uint32_t>(i)});
    if (!has_go && symbol->st_size != 0) {
      has_go = StringAt(table.names_, symbol->st_name).value_or("").starts_with("runtime.");
    }
  }
  if (!has_go) return std::nullopt;
  std::sort(table.functions_.begin(), table.functions_.end(),
            [](const SymbolEntry& a, const SymbolEntry& b) {
              return std::pair(a.address, a.index) < std::pair(b.address, b.index);
            });
  return table;
}

}  // namespace

struct GoFunctions::Tables {
  // A function by its name, of which the table has the hash only.
  struct Named {
    uint32_t hash;
    uint32_t number;  // in the table that is read
  };

  std::optional<SymbolTable> symbols;
  std::optional<Pclntab> pclntab;  // read only where there are no symbols
  std::vector<Named> by_name;      // by hash, then by number

  uint64_t count() const { return symbols ? symbols->count() : pclntab->count(); }
  std::optional<Pclntab::Function> At(uint64_t number) const {
    return symbols ? symbols->At(number) : pclntab->At(number);
  }
  template <typename Visitor>
  void ForEach(Visitor visit) const {
    for (uint64_t i = 0; i < count(); ++i) {
      if (const auto function = At(i)) visit(i, *function);
    }
  }
  static uint32_t HashOf(std::string_view name) {
    return static_cast<uint32_t>(absl::HashOf(name));
  }
  void IndexNames();
};

// Dozens of functions are looked for, and to read the table each time takes most of an analysis.
void GoFunctions::Tables::IndexNames() {
  by_name.reserve(std::min<uint64_t>(count(), UINT32_MAX));
  ForEach([this](uint64_t number, const Pclntab::Function& function) {
    if (number > UINT32_MAX) return;
    by_name.push_back({.hash = HashOf(function.name), .number = static_cast<uint32_t>(number)});
  });
  std::sort(by_name.begin(), by_name.end(), [](const Named& a, const Named& b) {
    return std::pair(a.hash, a.number) < std::pair(b.hash, b.number);
  });
}

absl::StatusOr<GoFunctions> GoFunctions::Read(const ElfFile& file) {
  auto tables = std::make_shared<Tables>();
  tables->symbols = SymbolTable::Read(file);
  if (!tables->symbols) {
    absl::StatusOr<Pclntab> pclntab = Pclntab::Find(file);
    if (!pclntab.ok()) return std::move(pclntab).status();
    tables->pclntab = *std::move(pclntab);
  }
  tables->IndexNames();
  GoFunctions functions;
  functions.tables_ = std::move(tables);
  return functions;
}

bool GoFunctions::from_symtab() const { return tables_->symbols.has_value(); }

std::vector<GoFunction> GoFunctions::Find(std::string_view name) const {
  std::vector<GoFunction> found;
  const uint32_t hash = Tables::HashOf(name);
  auto each = std::lower_bound(
      tables_->by_name.begin(), tables_->by_name.end(), hash,
      [](const Tables::Named& named, uint32_t wanted) { return named.hash < wanted; });
  for (; each != tables_->by_name.end() && each->hash == hash; ++each) {
    const auto function = tables_->At(each->number);
    if (!function || function->name != name) continue;
    found.push_back(
        {.name = std::string(name), .address = function->address, .size = function->size});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const GoFunction& a, const GoFunction& b) { return a.size > b.size; });
  return found;
}

std::vector<std::vector<GoFunction>> GoFunctions::FindAll(
    const std::vector<std::string>& names) const {
  std::vector<std::vector<GoFunction>> found;
  found.reserve(names.size());
  for (const std::string& name : names) found.push_back(Find(name));
  return found;
}

std::vector<GoFunction> GoFunctions::FindEndingIn(std::string_view suffix, size_t limit) const {
  std::vector<GoFunction> found;
  tables_->ForEach([&](uint64_t, const Pclntab::Function& function) {
    if (found.size() == limit || !function.name.ends_with(suffix)) return;
    found.push_back(
        {.name = std::string(function.name), .address = function.address, .size = function.size});
  });
  return found;
}

std::optional<std::string> GoFunctions::NameAtEntry(uint64_t address) const {
  if (tables_->symbols) {
    if (const auto name = tables_->symbols->NameAtEntry(address)) return std::string(*name);
    return std::nullopt;
  }
  if (const auto function = tables_->pclntab->AtEntry(address)) return std::string(function->name);
  return std::nullopt;
}

}  // namespace uprobed::elf
