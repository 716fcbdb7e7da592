#ifndef UPROBED_SERVER_SPAN_FUNCTION_NAMES_H_
#define UPROBED_SERVER_SPAN_FUNCTION_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace uprobed::span {

// The functions of one binary by the addresses where their code begins, as linked. All names are in
// one block, because a large program has hundreds of thousands. Immutable once it is shared;
// thread-safe then.
class FunctionNames {
 public:
  // More than any program has had that was looked at; the names of a hostile file may all be one
  // long text.
  static constexpr size_t kMaxBytes = size_t{64} << 20;
  static constexpr size_t kMaxNameBytes = 4096;

  // In ascending order of address. False where there is no room left, or the order is not kept; a
  // name that is longer than any is left out.
  bool Add(uint64_t address, std::string_view name);
  void ShrinkToFit();

  // Empty where no function begins at `address`.
  std::string_view Find(uint64_t address) const;
  size_t size() const { return addresses_.size(); }
  size_t bytes() const;

 private:
  std::vector<uint64_t> addresses_;
  std::vector<uint32_t> ends_;  // of each name in names_
  std::string names_;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_FUNCTION_NAMES_H_
