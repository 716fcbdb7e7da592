#include "server/span/http_parts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <iterator>

#include "fmt/format.h"

namespace uprobed::span {
namespace {

constexpr std::array<std::string_view, 10> kKnownMethods = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"};

uint32_t ParsePort(std::string_view text) {
  constexpr uint32_t kHighestPort = 65535;
  uint32_t port = 0;
  const char* end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || parsed_to != end || port > kHighestPort) return 0;
  return port;
}

// `rest` is what follows the host: ":port", ":" or nothing.
Authority WithPort(std::string_view host, std::string_view rest) {
  if (rest.size() < 2 || rest.front() != ':') return {.host = host};
  return {.host = host, .port = ParsePort(rest.substr(1)), .has_port = true};
}

bool IsAlphanumeric(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9');
}

// What net/url leaves as it is in a path: unreserved characters and $&+,/:;=@.
bool IsPathCharacter(char character) {
  constexpr std::string_view kUnescaped = "-_.~$&+,/:;=@";
  return IsAlphanumeric(character) || kUnescaped.find(character) != std::string_view::npos;
}

// What follows the scheme and authority of "http://host/path"; `target` where it is not in that
// form.
std::string_view WithoutOrigin(std::string_view target) {
  constexpr std::string_view kSeparator = "://";
  const size_t separator = target.find(kSeparator);
  if (separator == std::string_view::npos) return {};
  if (!std::all_of(target.begin(), target.begin() + static_cast<std::ptrdiff_t>(separator),
                   IsAlphanumeric)) {
    return {};
  }
  const std::string_view after = target.substr(separator + kSeparator.size());
  const size_t path = after.find_first_of("/?");
  // RFC 9110 section 4.2.3: an empty path is the same as "/".
  return path == std::string_view::npos ? std::string_view("/") : after.substr(path);
}

}  // namespace

Authority ParseAuthority(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return {.host = text.substr(1)};
    return WithPort(text.substr(1, bracket - 1), text.substr(bracket + 1));
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {.host = text};
  // More than one colon without brackets is an IPv6 address without a port.
  if (text.find(':', colon + 1) != std::string_view::npos) return {.host = text};
  return WithPort(text.substr(0, colon), text.substr(colon));
}

void AppendAuthority(std::string_view host, uint32_t port, std::string& to) {
  const bool is_ipv6 = host.find(':') != std::string_view::npos;
  if (is_ipv6) to += '[';
  to += host;
  if (is_ipv6) to += ']';
  if (port == 0) return;
  const fmt::format_int digits(port);
  to.append(":").append(digits.data(), digits.size());
}

std::string JoinAuthority(std::string_view host, uint32_t port) {
  std::string authority;
  AppendAuthority(host, port, authority);
  return authority;
}

RequestTarget ParseRequestTarget(std::string_view target) {
  if (target == "*") return {.path = target};
  if (!target.starts_with('/')) target = WithoutOrigin(target);
  const size_t question = target.find('?');
  if (question == std::string_view::npos) return {.path = target};
  const std::string_view path = question == 0 ? std::string_view("/") : target.substr(0, question);
  return {.path = path, .query = target.substr(question + 1), .has_query = true};
}

std::string_view RouteOfPattern(std::string_view pattern) {
  const size_t blank = pattern.find_first_of(" \t");
  if (blank != std::string_view::npos) pattern.remove_prefix(blank + 1);
  const size_t slash = pattern.find('/');
  return slash == std::string_view::npos ? std::string_view() : pattern.substr(slash);
}

std::string RouteOfTemplate(std::string_view text) {
  constexpr std::string_view kMounted = "/*/";
  std::string route;
  bool mounted = false;
  for (size_t at = text.find(kMounted); at != std::string_view::npos; at = text.find(kMounted)) {
    route += text.substr(0, at);
    text.remove_prefix(at + kMounted.size() - 1);  // the slash may begin the next
    mounted = true;
  }
  route += text;
  // The root of a router that is mounted: chi serves both, with and without the slash.
  if (mounted && route.size() > 1 && route.ends_with('/')) route.pop_back();
  return route;
}

void AppendEscapedPath(std::string_view path, std::string& to) {
  if (path == "*" || std::all_of(path.begin(), path.end(), IsPathCharacter)) {
    to += path;
    return;
  }
  for (const char character : path) {
    if (IsPathCharacter(character)) {
      to += character;
    } else {
      fmt::format_to(std::back_inserter(to), "%{:02X}", static_cast<uint8_t>(character));
    }
  }
}

std::string EscapePath(std::string_view path) {
  std::string escaped;
  AppendEscapedPath(path, escaped);
  return escaped;
}

bool IsKnownMethod(std::string_view method) {
  return std::find(kKnownMethods.begin(), kKnownMethods.end(), method) != kKnownMethods.end();
}

uint32_t DefaultPort(std::string_view scheme) {
  if (scheme == "http") return 80;
  if (scheme == "https") return 443;
  return 0;
}

}  // namespace uprobed::span
