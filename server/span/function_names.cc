#include "server/span/function_names.h"

#include <algorithm>

namespace uprobed::span {

bool FunctionNames::Add(uint64_t address, std::string_view name) {
  if (name.size() > kMaxNameBytes) return true;
  if (!addresses_.empty() && addresses_.back() >= address) return false;
  if (bytes() + name.size() + sizeof(uint64_t) + sizeof(uint32_t) > kMaxBytes) return false;
  names_ += name;
  addresses_.push_back(address);
  ends_.push_back(static_cast<uint32_t>(names_.size()));
  return true;
}

void FunctionNames::ShrinkToFit() {
  addresses_.shrink_to_fit();
  ends_.shrink_to_fit();
  names_.shrink_to_fit();
}

std::string_view FunctionNames::Find(uint64_t address) const {
  const auto found = std::lower_bound(addresses_.begin(), addresses_.end(), address);
  if (found == addresses_.end() || *found != address) return {};
  const auto index = static_cast<size_t>(found - addresses_.begin());
  const uint32_t begin = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(names_).substr(begin, ends_[index] - begin);
}

size_t FunctionNames::bytes() const {
  return names_.size() + addresses_.size() * (sizeof(uint64_t) + sizeof(uint32_t));
}

}  // namespace uprobed::span
