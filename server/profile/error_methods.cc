#include "server/profile/error_methods.h"

#include <algorithm>
#include <utility>

namespace uprobed::profile {

std::vector<ErrorMethod> FindErrorMethods(const elf::GoFunctions& functions) {
  std::vector<ErrorMethod> methods;
  for (elf::GoFunction& function : functions.FindEndingIn(".Error", kMaxErrorMethods)) {
    methods.push_back({function.address, std::move(function.name)});
  }
  std::sort(methods.begin(), methods.end(),
            [](const ErrorMethod& a, const ErrorMethod& b) { return a.address < b.address; });
  const auto last = std::unique(
      methods.begin(), methods.end(),
      [](const ErrorMethod& a, const ErrorMethod& b) { return a.address == b.address; });
  methods.erase(last, methods.end());
  return methods;
}

}  // namespace uprobed::profile
