#include "server/profile/http2_names.h"

#include <algorithm>
#include <array>

namespace uprobed::profile {
namespace {

constexpr std::string_view kFunctionInside = ".func";

constexpr std::array<Http2Names, UP_HTTP2_COUNT> kHttp2Names = {{
    {UP_HTTP2_BUNDLED, "net/http.(*http2serverConn).runHandler",
     "net/http.(*http2responseWriter).handlerDone", UP_FIELD_HTTP2_BUNDLED_RWS, true},
    {UP_HTTP2_INTERNAL, "net/http/internal/http2.(*serverConn).runHandler",
     "net/http/internal/http2.(*responseWriter).handlerDone", UP_FIELD_HTTP2_INTERNAL_RWS, false},
    {UP_HTTP2_MODULE, "golang.org/x/net/http2.(*serverConn).runHandler",
     "golang.org/x/net/http2.(*responseWriter).handlerDone", UP_FIELD_HTTP2_MODULE_RWS, true},
}};

}  // namespace

std::span<const Http2Names> AllHttp2Names() { return kHttp2Names; }

const Http2Names* FindHttp2Names(std::string_view function) {
  for (const Http2Names& names : kHttp2Names) {
    if (!function.starts_with(names.run_function)) continue;
    function.remove_prefix(names.run_function.size());
    return function.empty() || function.starts_with(kFunctionInside) ? &names : nullptr;
  }
  return nullptr;
}

bool KnowsFieldsOf(const Http2Names& names, const std::map<std::string, FieldOffset>& fields) {
  const auto group = AllFields().subspan(names.first_field, UP_HTTP2_FIELDS);
  return std::all_of(group.begin(), group.end(), [&fields](const FieldSpec& field) {
    return fields.contains(FieldKey(field));
  });
}

}  // namespace uprobed::profile
