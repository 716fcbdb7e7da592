#ifndef UPROBED_SERVER_SPAN_HTTP_PARTS_H_
#define UPROBED_SERVER_SPAN_HTTP_PARTS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace uprobed::span {

// The parts of what net/http keeps as one string. All functions are pure; views point into their
// argument.

// "host:port", as in Request.Host, URL.Host and Request.RemoteAddr.
struct Authority {
  std::string_view host;  // IPv6 without its brackets
  uint32_t port = 0;      // 0: none given, or none that is a port
  bool has_port = false;  // a port was written, valid or not
};
Authority ParseAuthority(std::string_view text);

// "host:port", with brackets around an IPv6 address; only the host where `port` is 0.
std::string JoinAuthority(std::string_view host, uint32_t port);
// The same, appended to `to`.
void AppendAuthority(std::string_view host, uint32_t port, std::string& to);

// The request target of RFC 9112 section 3.2 (Request.RequestURI).
struct RequestTarget {
  std::string_view path{};   // empty in authority-form, which has none
  std::string_view query{};  // without the "?"
  bool has_query = false;
};
RequestTarget ParseRequestTarget(std::string_view target);

// The path of a ServeMux pattern "[METHOD ][HOST]/path"; empty where it has none.
std::string_view RouteOfPattern(std::string_view pattern);

// The template of a router: as it is, but for the "*" by which one of chi's routers has called the
// next, which is not a part of the route.
std::string RouteOfTemplate(std::string_view text);

// A decoded path (URL.Path) as it goes over the wire, escaped as Go's URL.EscapedPath does.
std::string EscapePath(std::string_view path);
// The same, appended to `to`.
void AppendEscapedPath(std::string_view path, std::string& to);

// Whether OpenTelemetry knows the method: RFC 9110, RFC 5789 (PATCH) and QUERY. Case matters.
bool IsKnownMethod(std::string_view method);

// The port that `scheme` implies; 0 where it implies none.
uint32_t DefaultPort(std::string_view scheme);

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_HTTP_PARTS_H_
