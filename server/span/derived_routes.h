#ifndef UPROBED_SERVER_SPAN_DERIVED_ROUTES_H_
#define UPROBED_SERVER_SPAN_DERIVED_ROUTES_H_

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace uprobed::span {

// What stands in for the routes of a program that tells none: templates made of paths
// (PathTemplate), the first `kMax` of a binary. What comes after these gets none, so that the names
// of spans stay few even where paths hold words that no rule takes for an identifier.
// Thread: event loop only.
class DerivedRoutes {
 public:
  static constexpr size_t kMax = 100;

  // The template of `path`; empty where it would be one too many.
  std::string Of(std::string_view path);

 private:
  std::set<std::string> templates_;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_DERIVED_ROUTES_H_
