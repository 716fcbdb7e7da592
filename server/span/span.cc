#include "server/span/span.h"

#include <utility>

namespace uprobed::span {
namespace {

constexpr std::string Span::*kStrings[] = {
    &Span::trace_state,    &Span::probe,           &Span::service_name, &Span::binary_path,
    &Span::method,         &Span::method_original, &Span::scheme,       &Span::path,
    &Span::query,          &Span::url_full,        &Span::route,        &Span::derived_route,
    &Span::server_address, &Span::peer_address,    &Span::function,     &Span::protocol_version,
    &Span::error_type,     &Span::body_end,        &Span::rpc_system,   &Span::rpc_service,
    &Span::rpc_method,     &Span::truncated};

}  // namespace

void Span::Clear() {
  // What is not in the list is as new all the same, and only has to be allocated again.
  Span cleared;
  for (std::string Span::*const text : kStrings) {
    (this->*text).clear();
    (cleared.*text).swap(this->*text);
  }
  *this = std::move(cleared);
}

}  // namespace uprobed::span
