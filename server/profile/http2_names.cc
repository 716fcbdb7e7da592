#include "server/profile/http2_names.h"

#include <algorithm>
#include <array>
#include <set>

#include "fmt/format.h"

namespace uprobed::profile {
namespace {

constexpr std::string_view kFunctionInside = ".func";

constexpr std::array<Http2Names, UP_HTTP2_COUNT> kHttp2Names = {{
    {UP_HTTP2_BUNDLED, "net/http.(*http2serverConn).runHandler",
     "net/http.(*http2responseWriter).handlerDone", UP_FIELD_HTTP2_BUNDLED_RWS,
     "net/http.(*http2serverConn).runHandler", "net/http.(*http2serverConn).writeHeaders",
     "net/http.(*http2clientStream).copyTrailers-fm", "net/http.http2transportResponseBody.Close",
     "net/http.(*http2gzipReader).Close", "net/http.(*http2ClientConn)",
     "net/http.(*http2clientStream).encodeAndWriteHeaders"},
    {UP_HTTP2_INTERNAL, "net/http/internal/http2.(*serverConn).runHandler",
     "net/http/internal/http2.(*responseWriter).handlerDone", UP_FIELD_HTTP2_INTERNAL_RWS,
     "net/http.http2Handler.ServeHTTP", "net/http/internal/http2.(*serverConn).writeHeaders",
     "net/http/internal/http2.(*clientStream).copyTrailers-fm",
     "net/http/internal/http2.transportResponseBody.Close",
     "net/http/internal/http2.(*gzipReader).Close", "net/http/internal/http2.(*ClientConn)",
     "net/http/internal/http2.(*clientStream).encodeAndWriteHeaders"},
    {UP_HTTP2_MODULE, "golang.org/x/net/http2.(*serverConn).runHandler",
     "golang.org/x/net/http2.(*responseWriter).handlerDone", UP_FIELD_HTTP2_MODULE_RWS,
     "golang.org/x/net/http2.(*serverConn).runHandler",
     "golang.org/x/net/http2.(*serverConn).writeHeaders",
     "golang.org/x/net/http2.(*clientStream).copyTrailers-fm",
     "golang.org/x/net/http2.transportResponseBody.Close",
     "golang.org/x/net/http2.(*gzipReader).Close", "golang.org/x/net/http2.(*ClientConn)",
     "golang.org/x/net/http2.(*clientStream).encodeAndWriteHeaders"},
}};

}  // namespace

std::span<const Http2Names> AllHttp2Names() { return kHttp2Names; }

const Http2Names* FindHttp2Names(std::string_view function) {
  for (const Http2Names& names : kHttp2Names) {
    if (function == names.start_function) return &names;
    if (!function.starts_with(names.run_function)) continue;
    function.remove_prefix(names.run_function.size());
    return function.empty() || function.starts_with(kFunctionInside) ? &names : nullptr;
  }
  return nullptr;
}

const Http2Names* Http2NamesWith(std::string_view function) {
  if (const Http2Names* names = FindHttp2Names(function)) return names;
  for (const Http2Names& names : kHttp2Names) {
    for (const std::string_view each :
         {names.write_headers_function, names.body_read_function, names.body_close_function,
          names.gzip_close_function, names.encode_headers_function}) {
      if (function == each) return &names;
    }
    if (function.starts_with(names.client_connection)) return &names;
  }
  return nullptr;
}

bool KnowsFieldsOf(const Http2Names& names, const std::map<std::string, FieldOffset>& fields) {
  // "net/http.(*http2serverConn).runHandler": its structs are in net/http, and begin with "http2".
  const std::string_view package = names.run_function.substr(0, names.run_function.find(".("));
  const std::string prefix = names.implementation == UP_HTTP2_BUNDLED
                                 ? fmt::format("{}.http2", package)
                                 : fmt::format("{}.", package);
  const auto all = AllFields();
  return std::all_of(all.begin(), all.end(), [&](const FieldSpec& field) {
    return field.need != Need::kHttp2 || !field.struct_name.starts_with(prefix) ||
           fields.contains(FieldKey(field));
  });
}

std::optional<std::string> Http2Flaw(const Profile& profile) {
  for (const Http2Names& names : AllHttp2Names()) {
    std::set<SiteKind> kinds;
    for (const Site& site : profile.sites) {
      if (FindHttp2Names(site.function) == &names) kinds.insert(site.kind);
    }
    if (kinds.empty()) continue;
    for (const SiteKind kind :
         {SiteKind::kHttp2ServerStart, SiteKind::kHttp2ServerEnd, SiteKind::kHttp2ServerGoexit,
          SiteKind::kHttp2ServerPanic, SiteKind::kHttp2ServerAbort}) {
      if (!kinds.contains(kind)) {
        return fmt::format("the sites of {} lack one of {}", names.run_function, Name(kind));
      }
    }
    if (!KnowsFieldsOf(names, profile.fields)) {
      return fmt::format("it lacks fields that {} needs", names.run_function);
    }
  }
  return std::nullopt;
}

}  // namespace uprobed::profile
