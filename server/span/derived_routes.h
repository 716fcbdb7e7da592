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

  // The template of `path`, valid as long as this; empty where it would be one too many.
  std::string_view Of(std::string_view path);

 private:
  std::set<std::string> templates_;
  std::string derived_;  // kept between calls, so that looking up allocates nothing
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_DERIVED_ROUTES_H_
