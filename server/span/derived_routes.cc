#include "server/span/derived_routes.h"

#include "server/span/path_template.h"

namespace uprobed::span {

std::string_view DerivedRoutes::Of(std::string_view path) {
  derived_.clear();
  AppendPathTemplate(path, derived_);
  if (const auto known = templates_.find(derived_); known != templates_.end()) return *known;
  if (templates_.size() >= kMax) return {};
  return *templates_.insert(derived_).first;
}

}  // namespace uprobed::span
