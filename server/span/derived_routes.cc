#include "server/span/derived_routes.h"

#include <utility>

#include "server/span/path_template.h"

namespace uprobed::span {

std::string DerivedRoutes::Of(std::string_view path) {
  std::string derived = PathTemplate(path);
  if (templates_.contains(derived)) return derived;
  if (templates_.size() >= kMax) return {};
  return *templates_.insert(std::move(derived)).first;
}

}  // namespace uprobed::span
