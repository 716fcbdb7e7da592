#ifndef UPROBED_SERVER_SPAN_NAME_H_
#define UPROBED_SERVER_SPAN_NAME_H_

#include <algorithm>
#include <compare>
#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace uprobed::span {

// A text that many share: a copy allocates nothing, and two that come from one NameTable are
// compared by their addresses. Immutable; thread-safe as std::shared_ptr is.
class Name {
 public:
  Name() = default;  // the empty text
  // A name is its text wherever one is wanted.
  // NOLINTBEGIN(google-explicit-constructor)
  Name(std::string_view text)
      : shared_(text.empty() ? nullptr : std::make_shared<const Shared>(text)) {}
  Name(const std::string& text) : Name(std::string_view(text)) {}
  Name(const char* text) : Name(std::string_view(text)) {}
  operator std::string_view() const { return text(); }
  operator const std::string&() const { return text(); }
  // NOLINTEND(google-explicit-constructor)

  const std::string& text() const {
    static const std::string empty;
    return shared_ == nullptr ? empty : shared_->text;
  }
  bool empty() const { return shared_ == nullptr; }
  size_t hash() const { return shared_ == nullptr ? 0 : shared_->hash; }
  // Whether nobody else has the text.
  bool is_only() const { return shared_.use_count() == 1; }

  friend bool operator==(const Name& a, const Name& b) {
    if (a.shared_ == b.shared_) return true;
    return a.hash() == b.hash() && a.text() == b.text();
  }
  friend std::strong_ordering operator<=>(const Name& a, const Name& b) {
    if (a.shared_ == b.shared_) return std::strong_ordering::equal;
    return a.text() <=> b.text();
  }
  template <typename Hash>
  friend Hash AbslHashValue(Hash state, const Name& name) {
    return Hash::combine(std::move(state), name.hash());
  }
  friend std::ostream& operator<<(std::ostream& stream, const Name& name) {
    return stream << name.text();
  }

 private:
  struct Shared {
    explicit Shared(std::string_view from)
        : text(from), hash(absl::Hash<std::string_view>()(from)) {}
    const std::string text;
    const size_t hash;
  };

  std::shared_ptr<const Shared> shared_;
};

// Gives equal texts one Name, as long as somebody has it. Thread: the owner's only.
class NameTable {
 public:
  Name Intern(std::string_view text) {
    if (text.empty()) return {};
    const auto known = names_.find(text);
    if (known != names_.end()) return *known;
    if (names_.size() >= sweep_at_) Sweep();
    return *names_.emplace(text).first;
  }
  size_t size() const { return names_.size(); }

 private:
  static constexpr size_t kMinSweep = 1024;

  struct Hash {
    using is_transparent = void;
    size_t operator()(const Name& name) const { return name.hash(); }
    size_t operator()(std::string_view text) const { return absl::Hash<std::string_view>()(text); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return a == b; }
  };
  // Forgets what nobody has any more, each time that the table has doubled.
  void Sweep() {
    absl::erase_if(names_, [](const Name& name) { return name.is_only(); });
    sweep_at_ = std::max(kMinSweep, 2 * names_.size());
  }

  absl::flat_hash_set<Name, Hash, Equal> names_;
  size_t sweep_at_ = kMinSweep;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_NAME_H_
